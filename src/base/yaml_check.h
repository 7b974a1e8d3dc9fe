/* A parsed YAML document against a libcyaml schema, before libcyaml loads it: libcyaml takes any
 * word for a boolean, and knows neither the line of a missing key nor of a broken one. */
#pragma once

#include <cyaml/cyaml.h>
#include <yaml.h>

#include "base/err.h"

/* 0, or -EINVAL with "FILE:LINE: KEY: what was expected". Values are never part of the text. The
 * document holds no aliases. */
int yaml_check(const char *path, yaml_document_t *document, const struct cyaml_schema_value *schema,
	       struct err *err);
