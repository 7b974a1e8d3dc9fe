/* What all body formats end in: JSON documents, one after another, each a fresh scan with the same
 * pointers, whose values go to the slots of the reader. */
#pragma once

#include "meter/format.h"

/* The next piece of the document at hand, or the first of a new one. */
void document_feed(struct format_reader *reader, struct span piece);

/* A piece of a text inside it, which is escaped. */
void document_feed_text(struct format_reader *reader, struct span text);

/* The document at hand is all there. One that is no JSON leaves its values torn. */
void document_end(struct format_reader *reader);

/* It breaks off here, or was found to be damaged after its end. */
void document_tear(struct format_reader *reader);

/* What `json` gives for a tail behind a hole: a document of its own. */
void document_read_tail(struct format_reader *reader, struct span tail);
