/* libcyaml loads what its schema can say; the rest is checked here: a hook runs as root, or carries
 * what root knows. */
#include "agent/hookfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alert/alert.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "base/yaml.h"

#define SECRET_MAX 512

struct entry {
	char *name, *url, *secret_file, *command;
	enum sink_hook_format format;
	enum alert_level level;
};

struct file {
	struct entry *hooks;
	unsigned hooks_count;
};

static const struct cyaml_strval format_names[] = {
	{ "json", HOOK_JSON },
	{ "cloudevents", HOOK_CLOUDEVENTS },
	{ "slack", HOOK_SLACK },
};

static const struct cyaml_strval level_names[] = {
	{ "info", ALERT_INFO },
	{ "warning", ALERT_WARNING },
	{ "critical", ALERT_CRITICAL },
};

#define TEXT_FIELD(key, member, max)                                                               \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct entry,        \
			       member, 1, max)
#define ENUM_FIELD(key, member, names)                                                             \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct entry, member,       \
			 names, CYAML_ARRAY_LEN(names))

/* To add a key: a member above, a row here, a line in config/hooks.yaml. */
static const cyaml_schema_field_t entry_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct entry, name, 1, 32),
	TEXT_FIELD("url", url, 2000),
	TEXT_FIELD("command", command, 1000),
	TEXT_FIELD("secret_file", secret_file, 1000),
	ENUM_FIELD("format", format, format_names),
	ENUM_FIELD("level", level, level_names),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t entry_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct entry, entry_fields),
};

static const cyaml_schema_field_t file_fields[] = {
	CYAML_FIELD_SEQUENCE("hooks", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file, hooks,
			     &entry_schema, 0, HOOKS_MAX),
	CYAML_FIELD_END
};

static const cyaml_schema_value_t file_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file, file_fields),
};

/* --- checks */

struct place {
	const char *path;
	unsigned index;
	struct err *err;
};

static int refuse(const struct place *at, const char *key, const char *expected)
{
	char name[64];

	snprintf(name, sizeof(name), "hooks[%u].%s", at->index, key);
	return err_set(at->err, -EINVAL, "%s:%u: %s: expected %s", at->path,
		       yaml_line(at->path, name), name, expected);
}

static bool is_name(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == strlen(text);
}

static bool is_url(const char *text)
{
	return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

/* Nobody but its owner may change it, and that is root or who runs us. */
static bool is_safe(const struct stat *st)
{
	return S_ISREG(st->st_mode) && !(st->st_mode & 022) &&
	       (st->st_uid == 0 || st->st_uid == geteuid());
}

static int check_command(const struct place *at, const char *command)
{
	struct stat st;

	if (command[0] != '/' || stat(command, &st) < 0 || !is_safe(&st) ||
	    access(command, X_OK) < 0)
		return refuse(
		    at, "command",
		    "the path of a program that only root, or who runs outlayd, can change");
	return 0;
}

static int read_secret(const struct place *at, const char *path, char **ret_secret)
{
	CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char text[SECRET_MAX + 1];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !is_safe(&st) || st.st_mode & 077)
		return refuse(at, "secret_file",
			      "a file that nobody but root, or who runs outlayd, can read");
	n = read(fd, text, sizeof(text));
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n <= 0 || n > SECRET_MAX || memchr(text, '\n', (size_t)n))
		return refuse(at, "secret_file", "a file with one line of up to 512 bytes");
	*ret_secret = strndup(text, (size_t)n);
	explicit_bzero(text, sizeof(text));
	return *ret_secret ? 0 : -ENOMEM;
}

static int take(const struct place *at, const struct entry *entry, struct hookfile *hooks)
{
	int code = 0;

	if (!is_name(entry->name))
		return refuse(at, "name", "small letters, digits, _ and -");
	for (unsigned i = 0; i < at->index; i++)
		if (strcmp(hooks->hook[i].name, entry->name) == 0)
			return refuse(at, "name", "a name that no other hook has");
	if (!entry->url == !entry->command)
		return refuse(at, "url", "either url or command");
	if (entry->url && !is_url(entry->url))
		return refuse(at, "url", "https://... or http://...");
	if (entry->command)
		code = check_command(at, entry->command);
	if (code == 0 && entry->secret_file)
		code = read_secret(at, entry->secret_file, &hooks->secrets[at->index]);
	if (code == 0)
		hooks->hook[hooks->n++] = (struct sink_hook){ .name = entry->name,
							      .url = entry->url,
							      .secret = hooks->secrets[at->index],
							      .command = entry->command,
							      .format = entry->format,
							      .level = entry->level };
	return code;
}

int hookfile_load(const char *path, struct hookfile *ret_hooks, struct err *err)
{
	CLEANUP(hookfile_free) struct hookfile hooks = { .n = 0 };
	const struct file *file;
	int code = 0;

	if (access(path, F_OK) < 0 && errno == ENOENT) {
		*ret_hooks = hooks;
		return 0;
	}
	code = yaml_load(path, &file_schema, &hooks.file, err);
	file = hooks.file;
	for (unsigned i = 0; code == 0 && i < file->hooks_count; i++)
		code = take(&(struct place){ path, i, err }, &file->hooks[i], &hooks);
	if (code < 0)
		return code;
	*ret_hooks = hooks;
	hooks = (struct hookfile){ .n = 0 };
	return 0;
}

void hookfile_free(struct hookfile *hooks)
{
	for (unsigned i = 0; i < HOOKS_MAX; i++) {
		if (hooks->secrets[i])
			explicit_bzero(hooks->secrets[i], strlen(hooks->secrets[i]));
		free(hooks->secrets[i]);
	}
	if (hooks->file)
		yaml_unload(&file_schema, hooks->file);
	*hooks = (struct hookfile){ .n = 0 };
}
