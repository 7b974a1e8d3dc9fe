/* Of a scan what is in use at its place; the levels above that are written before they are read. */
#include "base/json_mark.h"

#include <string.h>

bool json_mark(const struct json_scan *scan, struct json_mark *mark)
{
	bool kept = scan->collect || scan->is_key;

	if (scan->error || scan->has_key || scan->depth > 64 || scan->tracked >= JSON_MARK_LEVELS ||
	    (kept && scan->text_length > JSON_MARK_TEXT))
		return false;
	memcpy(mark->head, scan, sizeof(mark->head));
	mark->is_object = scan->is_object[0];
	memcpy(mark->index, scan->index, sizeof(mark->index));
	memcpy(mark->nodes, scan->nodes, sizeof(mark->nodes));
	memcpy(mark->text, scan->text, sizeof(mark->text));
	return true;
}

void json_mark_resume(const struct json_mark *mark, struct json_scan *scan)
{
	memcpy(scan, mark->head, sizeof(mark->head));
	scan->is_object[0] = mark->is_object;
	memcpy(scan->index, mark->index, sizeof(mark->index));
	memcpy(scan->nodes, mark->nodes, sizeof(mark->nodes));
	memcpy(scan->text, mark->text, sizeof(mark->text));
}
