/* The keys of provider files. What this table does not name is refused, with what it knows. */
#include "meter/provider_file.h"

#include <errno.h>

#include "meter/expr.h"

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

/* Limits of the C strings that these become, without NUL. */
#define WORD_MAX    31
#define MATCH_MAX   95
#define WITHIN_MAX  95
#define HOST_MAX    255
#define HOSTS_MAX   64
#define ROUTES_MAX  256
#define FORMATS_MAX 8
#define NAMES_MAX   4096
#define FORMAT_MAX  31
#define LIMIT_MAX   23
#define HEADER_MAX  63
#define MODEL_MAX   ((int)sizeof(((struct usage *)0)->model) - 1)

static const struct cyaml_schema_field usage_fields[] = {
#define X(id, name)                                                                                \
	CYAML_FIELD_STRING_PTR(name, OPTIONAL, struct usage_file, counts[USAGE_##id], 1,           \
			       EXPR_TEXT_MAX),
	USAGE_BUCKETS(X)
#undef X
	    CYAML_FIELD_END,
};

static const struct cyaml_schema_value format_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, FORMAT_MAX),
};

static const struct cyaml_schema_value host_schema = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, HOST_MAX),
};

static const struct cyaml_schema_field beside_fields[] = {
	CYAML_FIELD_STRING_PTR("operation", CYAML_FLAG_POINTER, struct beside_file, operation, 1,
			       WORD_MAX),
	CYAML_FIELD_STRING_PTR("model", OPTIONAL, struct beside_file, model, 1, EXPR_TEXT_MAX),
	CYAML_FIELD_MAPPING("usage", CYAML_FLAG_DEFAULT, struct beside_file, usage, usage_fields),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value beside_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct beside_file, beside_fields),
};

static const struct cyaml_schema_field route_fields[] = {
	CYAML_FIELD_STRING_PTR("match", CYAML_FLAG_POINTER, struct route_file, match, 1, MATCH_MAX),
	CYAML_FIELD_STRING_PTR("operation", CYAML_FLAG_POINTER, struct route_file, operation, 1,
			       WORD_MAX),
	CYAML_FIELD_SEQUENCE("format", OPTIONAL, struct route_file, format, &format_schema, 1,
			     FORMATS_MAX),
	CYAML_FIELD_BOOL("free", CYAML_FLAG_OPTIONAL, struct route_file, free),
	CYAML_FIELD_BOOL("poll", CYAML_FLAG_OPTIONAL, struct route_file, poll),
	CYAML_FIELD_BOOL("provisional", CYAML_FLAG_OPTIONAL, struct route_file, provisional),
	CYAML_FIELD_BOOL("each", CYAML_FLAG_OPTIONAL, struct route_file, each),
#define X(id, name)                                                                                \
	CYAML_FIELD_STRING_PTR(name, OPTIONAL, struct route_file, texts[ROUTE_##id], 1,            \
			       EXPR_TEXT_MAX),
	ROUTE_TEXTS(X)
#undef X
#define X(id, name)                                                                                \
	CYAML_FIELD_STRING_PTR(name, OPTIONAL, struct route_file, counts[ROUTE_##id], 1,           \
			       EXPR_TEXT_MAX),
	    ROUTE_COUNTS(X)
#undef X
		CYAML_FIELD_STRING_PTR("within", OPTIONAL, struct route_file, within, 1,
				       WITHIN_MAX),
	CYAML_FIELD_STRING_PTR("snapshot", OPTIONAL, struct route_file, snapshot, 1, EXPR_TEXT_MAX),
	CYAML_FIELD_STRING_PTR("estimate", OPTIONAL, struct route_file, estimate, 1, WORD_MAX),
	CYAML_FIELD_MAPPING("usage", CYAML_FLAG_OPTIONAL, struct route_file, usage, usage_fields),
	CYAML_FIELD_SEQUENCE("besides", OPTIONAL, struct route_file, besides, &beside_schema, 1,
			     ROUTE_BESIDES_MAX),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value route_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct route_file, route_fields),
};

static const struct cyaml_schema_field limit_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct limit_file, name, 1, LIMIT_MAX),
	CYAML_FIELD_STRING_PTR("header", CYAML_FLAG_POINTER, struct limit_file, header, 3,
			       HEADER_MAX),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value limit_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct limit_file, limit_fields),
};

static const struct cyaml_schema_field deployment_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct deployment_file, name, 1,
			       MODEL_MAX),
	CYAML_FIELD_STRING_PTR("model", CYAML_FLAG_POINTER, struct deployment_file, model, 1,
			       MODEL_MAX),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value deployment_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct deployment_file, deployment_fields),
};

static const struct cyaml_schema_field provider_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct provider_file, name, 1, WORD_MAX),
	CYAML_FIELD_SEQUENCE("hosts", CYAML_FLAG_POINTER, struct provider_file, hosts, &host_schema,
			     1, HOSTS_MAX),
#define X(id, name)                                                                                \
	CYAML_FIELD_STRING_PTR(name, OPTIONAL, struct provider_file, texts[ROUTE_##id], 1,         \
			       EXPR_TEXT_MAX),
	ROUTE_TEXTS(X)
#undef X
#define X(id, name)                                                                                \
	CYAML_FIELD_STRING_PTR(name, OPTIONAL, struct provider_file, counts[ROUTE_##id], 1,        \
			       EXPR_TEXT_MAX),
	    ROUTE_COUNTS(X)
#undef X
		CYAML_FIELD_SEQUENCE("limits", OPTIONAL, struct provider_file, limits,
				     &limit_schema, 0, USAGE_LIMITS_MAX),
	CYAML_FIELD_STRING_PTR("domestic", OPTIONAL, struct provider_file, domestic, 2, 7),
	CYAML_FIELD_SEQUENCE("deployments", OPTIONAL, struct provider_file, deployments,
			     &deployment_schema, 1, NAMES_MAX),
	CYAML_FIELD_SEQUENCE("routes", CYAML_FLAG_POINTER, struct provider_file, routes,
			     &route_schema, 1, ROUTES_MAX),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value provider_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct provider_file, provider_fields),
};

static const char *const text_keys[ROUTE_TEXT_MAX] = {
#define X(id, name) [ROUTE_##id] = name,
	ROUTE_TEXTS(X)
#undef X
};

static const char *const count_keys[ROUTE_COUNT_MAX] = {
#define X(id, name) [ROUTE_##id] = name,
	ROUTE_COUNTS(X)
#undef X
};

int provider_file_load(const char *path, struct provider_file **ret_file, struct err *err)
{
	void *value;
	int rc = yaml_load(path, &provider_schema, &value, err);

	if (rc == 0)
		*ret_file = value;
	return rc;
}

void provider_file_free(struct provider_file *file)
{
	yaml_unload(&provider_schema, file);
}

int provider_file_refuse(const char *path, struct err *err, const char *key, const char *format,
			 ...)
{
	char expected[256];
	va_list args;

	va_start(args, format);
	vsnprintf(expected, sizeof(expected), format, args);
	va_end(args);
	return err_set(err, -EINVAL, "%s:%u: %s: %s", path, yaml_line(path, key), key, expected);
}

const char *provider_file_text_key(enum route_text text)
{
	return text_keys[text];
}

const char *provider_file_count_key(enum route_count count)
{
	return count_keys[count];
}
