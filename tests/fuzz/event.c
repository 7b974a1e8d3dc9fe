/* Values of a damaged ledger: "FIELD JSON". A reader refuses it and changes nothing, or takes it,
 * and then what it writes is read the same again. */
#include <stdlib.h>

#include "budget/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_stable(const struct verdict_field *field, const struct verdict *v)
{
	struct buf once = buf_with_max(1 << 20), twice = buf_with_max(1 << 20);
	struct verdict again = *v;

	field->write(&once, v);
	must(field->read(buf_span(&once), &again) == 0);
	field->write(&twice, &again);
	must(span_eq(buf_span(&once), buf_span(&twice)));
	buf_done(&once);
	buf_done(&twice);
}

static const struct verdict_field *find_field(struct span name)
{
	for (unsigned i = 0; i < verdict_n_fields; i++)
		if (verdict_fields[i].read && span_eq(span_of(verdict_fields[i].name), name))
			return &verdict_fields[i];
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span json = { (const char *)data, size };
	const struct verdict_field *field = find_field(span_cut(&json, ' '));
	struct verdict v, before;

	if (!field)
		return 0;
	memset(&v, 0, sizeof(v));
	v.charge.source = COST_UNPRICED;
	v.charge.doubt = PRICE_DOUBT_NO_MODEL;
	memcpy(&before, &v, sizeof(v));
	if (field->read(json, &v) < 0)
		must(memcmp(&v, &before, sizeof(v)) == 0);
	else
		check_stable(field, &v);
	return 0;
}
