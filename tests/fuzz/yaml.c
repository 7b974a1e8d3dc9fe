/* base/yaml with any file: no crash, no leak, and a refusal that names the file. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/yaml.h"

struct rule {
	char *name;
	unsigned level;
	bool on;
};

struct rules {
	char *title;
	struct rule *rules;
	unsigned rules_count;
};

static const struct cyaml_schema_field rule_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct rule, name, 1, 16),
	CYAML_FIELD_UINT("level", CYAML_FLAG_OPTIONAL, struct rule, level),
	CYAML_FIELD_BOOL("on", CYAML_FLAG_OPTIONAL, struct rule, on),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value rule_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct rule, rule_fields),
};

static const struct cyaml_schema_field fields[] = {
	CYAML_FIELD_STRING_PTR("title", CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, struct rules,
			       title, 0, 16),
	CYAML_FIELD_SEQUENCE("rules", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct rules, rules,
			     &rule_schema, 0, 8),
	CYAML_FIELD_END,
};

static const struct cyaml_schema_value schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct rules, fields),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { "" };
	void *value = NULL;
	char path[32];
	int fd = memfd_create("yaml", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (yaml_load(path, &schema, &value, &err) == 0) {
		assert(value && !err.text[0]);
		yaml_unload(&schema, value);
	} else {
		assert(!value && strncmp(err.text, path, strlen(path)) == 0);
	}
	yaml_line(path, "rules[0].name");
	close(fd);
	return 0;
}
