/* Loads a YAML file into a struct by a libcyaml schema. The schema tables beside the callers are
 * the documentation of the files: what no row names is refused. Files are limited to 4 MiB. */
#pragma once

#include <cyaml/cyaml.h>

#include "base/err.h"

/* On failure the error says "FILE:LINE: KEY: what was expected". The value is freed with
 * yaml_unload and the same schema. -EINVAL for bad content, else the errno of the file. */
int yaml_load(const char *path, const struct cyaml_schema_value *schema, void **ret_value,
	      struct err *err);
/* Not "yaml_free": libyaml exports one, and ours would take its place. */
void yaml_unload(const struct cyaml_schema_value *schema, void *value);

/* For errors found after loading: the line (from 1) of a key, named as "budgets[2].limit"; 0 when
 * it is not there. Reads the file again. */
unsigned yaml_line(const char *path, const char *key);
