/* YAML files of people: read whole, refused with the line and the key when they are not as the
 * schema says, loaded by libcyaml when they are. Anchors and aliases are refused: no configuration
 * needs them, and nine lines of them grow to gigabytes. */
#include "base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "base/yaml_check.h"

#define FILE_BYTES_MAX (4u << 20)
#define DEPTH_MAX      32

static const struct cyaml_config config = {
	.mem_fn = cyaml_mem,
	.log_level = CYAML_LOG_ERROR,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* The whole file; `ret_text->ptr` is to be freed. */
static int read_file(const char *path, struct span *ret_text, struct err *err)
{
	CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	FREE_PTR char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int code = -errno;

		return err_set(err, code, "%s: cannot be read: %s", path, strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
			       "%s: expected a file, this is none", path);
	if (st.st_size > FILE_BYTES_MAX)
		return err_set(err, -EINVAL, "%s: expected at most %u bytes", path, FILE_BYTES_MAX);
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	n = read(fd, text, (size_t)st.st_size);
	if (n != st.st_size)
		return err_set(err, -EIO, "%s: cannot be read whole", path);
	*ret_text = (struct span){ TAKE_PTR(text), (size_t)n };
	return 0;
}

static void parser_init(yaml_parser_t *parser, struct span text)
{
	/* Fails without memory alone; a zeroed parser then gives an error at the first use. */
	if (!yaml_parser_initialize(parser))
		*parser = (yaml_parser_t){ .error = YAML_MEMORY_ERROR };
	else
		yaml_parser_set_input_string(parser, (const unsigned char *)text.ptr, text.len);
}

static int refuse_syntax(const char *path, const yaml_parser_t *parser, struct span text,
			 struct err *err)
{
	size_t line = parser->problem_mark.line + 1;

	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(err, -ENOMEM, "%s: no memory", path);
	/* Bad bytes have an offset and no mark. */
	if (parser->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < parser->problem_offset && i < text.len; i++)
			line += text.ptr[i] == '\n';
	}
	return err_set(err, -EINVAL, "%s:%zu: no valid YAML: %s", path, line,
		       parser->problem ? parser->problem : "cannot be parsed");
}

struct shape {
	unsigned documents;
	unsigned depth;
};

/* What `event` has that we refuse, NULL when nothing. */
static const char *refused_feature(const yaml_event_t *event, struct shape *shape)
{
	bool starts =
	    event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
	bool ends = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;

	shape->depth += starts - ends;
	shape->documents += event->type == YAML_DOCUMENT_START_EVENT;
	if (event->type == YAML_ALIAS_EVENT ||
	    (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
	    (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor) ||
	    (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor))
		return "anchors and aliases are not supported, write the value out";
	if (shape->depth > DEPTH_MAX)
		return "nested too deep";
	if (shape->documents > 1)
		return "expected one document in the file";
	if (event->type == YAML_STREAM_END_EVENT && !shape->documents)
		return "the file is empty";
	return NULL;
}

/* Before a tree is built: syntax, and what the tree no longer shows. */
static int check_events(const char *path, struct span text, struct err *err)
{
	struct shape shape = { 0 };
	yaml_parser_t parser;
	bool more = true;
	int rc = 0;

	parser_init(&parser, text);
	while (more && rc == 0) {
		yaml_event_t event;
		const char *refused;

		if (parser.error || !yaml_parser_parse(&parser, &event)) {
			rc = refuse_syntax(path, &parser, text, err);
			break;
		}
		refused = refused_feature(&event, &shape);
		if (refused)
			rc = err_set(err, -EINVAL, "%s:%zu: %s", path, event.start_mark.line + 1,
				     refused);
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

static int parse_document(const char *path, struct span text, yaml_document_t *ret_document,
			  struct err *err)
{
	yaml_parser_t parser;
	int rc = check_events(path, text, err);

	if (rc < 0)
		return rc;
	parser_init(&parser, text);
	if (parser.error || !yaml_parser_load(&parser, ret_document))
		rc = refuse_syntax(path, &parser, text, err);
	yaml_parser_delete(&parser);
	return rc;
}

int yaml_load(const char *path, const struct cyaml_schema_value *schema, void **ret_value,
	      struct err *err)
{
	yaml_document_t document;
	cyaml_err_t loaded;
	struct span text = { 0 };
	void *value = NULL;
	int rc;

	rc = read_file(path, &text, err);
	if (rc < 0)
		return rc;
	rc = parse_document(path, text, &document, err);
	if (rc == 0) {
		rc = yaml_check(path, &document, schema, err);
		yaml_document_delete(&document);
	}
	if (rc == 0) {
		loaded = cyaml_load_data((const uint8_t *)text.ptr, text.len, &config, schema,
					 &value, NULL);
		if (loaded == CYAML_OK && value)
			*ret_value = value;
		else
			rc = err_set(err, loaded == CYAML_ERR_OOM ? -ENOMEM : -EINVAL, "%s: %s",
				     path, cyaml_strerror(loaded));
	}
	free((void *)text.ptr);
	return rc;
}

void yaml_unload(const struct cyaml_schema_value *schema, void *value)
{
	cyaml_free(&config, schema, value, 0);
}

static yaml_node_t *member(yaml_document_t *document, const yaml_node_t *node, struct span name,
			   size_t *ret_line)
{
	const yaml_node_pair_t *pair;

	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document, pair->key);
		struct span text;

		if (key->type != YAML_SCALAR_NODE)
			continue;
		text =
		    (struct span){ (const char *)key->data.scalar.value, key->data.scalar.length };
		if (!span_eq(text, name))
			continue;
		*ret_line = key->start_mark.line + 1;
		return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

static yaml_node_t *element(yaml_document_t *document, const yaml_node_t *node, struct span digits,
			    size_t *ret_line)
{
	yaml_node_t *found;
	uint64_t index;

	if (node->type != YAML_SEQUENCE_NODE || span_u64(digits, &index) < 0 ||
	    index >= (uint64_t)(node->data.sequence.items.top - node->data.sequence.items.start))
		return NULL;
	found = yaml_document_get_node(document, node->data.sequence.items.start[index]);
	*ret_line = found->start_mark.line + 1;
	return found;
}

/* "a.b[2].c": names between dots, each with any number of [index] behind it. */
static size_t find_line(yaml_document_t *document, struct span key)
{
	const yaml_node_t *node = yaml_document_get_root_node(document);
	size_t line = 0;

	while (key.ptr && node) {
		struct span step = span_cut(&key, '.'), name = span_cut(&step, '[');

		if (name.len)
			node = member(document, node, name, &line);
		while (step.ptr && node) {
			struct span index = span_cut(&step, '[');

			node = element(document, node, span_head(index, index.len - 1), &line);
		}
	}
	return node ? line : 0;
}

unsigned yaml_line(const char *path, const char *key)
{
	yaml_document_t document;
	struct span text = { 0 };
	size_t line = 0;

	if (read_file(path, &text, NULL) < 0)
		return 0;
	if (parse_document(path, text, &document, NULL) == 0) {
		line = find_line(&document, span_of(key));
		yaml_document_delete(&document);
	}
	free((void *)text.ptr);
	return (unsigned)line;
}
