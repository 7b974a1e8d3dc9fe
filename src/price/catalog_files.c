/* Price lists from disk: a directory of them, or one. */
#include "price/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/document.h"

static int add_file(struct catalog *catalog, const char *path, struct err *err)
{
	struct buf text = buf_with_max(CATALOG_FILE_BYTES_MAX);
	int rc = document_read(path, CATALOG_FILE_BYTES_MAX, &text, err);

	if (!rc)
		rc = catalog_add(catalog, path, buf_span(&text), err);
	buf_done(&text);
	return rc;
}

static int add_file_in(struct catalog *catalog, const char *dir, const char *name, struct err *err)
{
	FREE_PTR char *path = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", dir);
	return add_file(catalog, path, err);
}

static int is_catalog_file(const struct dirent *entry)
{
	struct span name = span_of(entry->d_name);

	return name.len > 5 && name.ptr[0] != '.' &&
	       span_eq(span_skip(name, name.len - 5), SPAN(".json"));
}

static int add_files(struct catalog *catalog, const char *dir, struct err *err)
{
	struct dirent **files;
	int rc = 0, n = scandir(dir, &files, is_catalog_file, alphasort);

	if (n < 0)
		return err_set(err, -errno, "%s: %m", dir);
	for (int i = 0; i < n; i++) {
		if (!rc)
			rc = add_file_in(catalog, dir, files[i]->d_name, err);
		free(files[i]);
	}
	free(files);
	return rc;
}

int catalog_load_named(const char *config_dir, const char *name, struct catalog **ret_catalog,
		       struct err *err)
{
	FREE_PTR char *path = NULL;

	if (asprintf(&path, "%s/prices%s%s", config_dir, name ? "/" : "", name ?: "") < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return catalog_load(path, ret_catalog, err);
}

int catalog_load(const char *path, struct catalog **ret_catalog, struct err *err)
{
	struct catalog *catalog = NULL;
	struct stat st;
	int rc = catalog_new(&catalog);

	if (!rc && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		rc = add_file(catalog, path, err);
	else if (!rc)
		rc = add_files(catalog, path, err);
	if (rc) {
		catalog_unref(catalog);
		return rc;
	}
	catalog_close(catalog);
	*ret_catalog = catalog;
	return 0;
}
