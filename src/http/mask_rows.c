/* The rows alone: the walk over a document is mask_json.c. */
#include "http/mask_rows.h"

#include <stddef.h>

/* To add a key that a provider file reads: a row. Never one whose value is a person's words. */
const struct mask_row mask_rows[] = {
	{ "model", true, ZONE_DARK },
	{ "modelVersion", true, ZONE_DARK },
	{ "id", true, ZONE_DARK },
	{ "responseId", true, ZONE_DARK },
	{ "batch_id", true, ZONE_DARK },
	{ "request_id", true, ZONE_DARK },
	{ "type", true, ZONE_DARK },
	{ "code", true, ZONE_DARK },
	{ "status", true, ZONE_DARK },
	{ "service_tier", true, ZONE_DARK },
	{ "search_context_size", true, ZONE_DARK },
	{ "stream", true, ZONE_DARK },
	{ "size", true, ZONE_DARK },
	{ "quality", true, ZONE_DARK },
	{ "n", true, ZONE_DARK },
	{ "max_tokens", true, ZONE_DARK },
	{ "max_completion_tokens", true, ZONE_DARK },
	{ "max_output_tokens", true, ZONE_DARK },
	{ "conversation_id", true, ZONE_DARK },
	{ "generation_id", true, ZONE_DARK },
	{ "model_id", true, ZONE_DARK },
	{ "model_version", true, ZONE_DARK },
	{ "num_tokens_prompt_total", true, ZONE_DARK },
	{ "num_tokens_generated", true, ZONE_DARK },
	{ "input_token_count", true, ZONE_DARK },
	{ "generated_token_count", true, ZONE_DARK },
	{ "cached_tokens", true, ZONE_DARK },
	{ "trafficType", true, ZONE_DARK },
	{ "serviceTier", true, ZONE_DARK },
	{ "modality", true, ZONE_DARK },
	{ "ttl", true, ZONE_DARK },
	{ "meta", false, ZONE_PART },
	{ "delta", false, ZONE_PART },
	{ "results", false, ZONE_PART },
	{ "errors", false, ZONE_PART },
	{ "interaction", false, ZONE_PART },
	{ "response", false, ZONE_PART },
	{ "inlinedResponses", false, ZONE_TOP }, /* each is a document of its own */
	{ "session", false, ZONE_CHAIN },        /* down to the model that listens */
	{ "audio", false, ZONE_CHAIN },
	{ "input", false, ZONE_CHAIN },
	{ "transcription", false, ZONE_CHAIN },
	{ "input_audio_transcription", false, ZONE_CHAIN },
	{ "setup", false, ZONE_CHAIN },
	{ "output", false, ZONE_CHAIN }, /* down to what its items are */
	{ "action", false, ZONE_CHAIN },
	{ "last_error", false, ZONE_PART },
	{ "status_details", false, ZONE_FAULT }, /* also of a part */
	{ "x_groq", false, ZONE_PART },
	{ "message", false, ZONE_PART },
	{ "error", false, ZONE_FAULT },
	{ "usage", false, ZONE_USAGE },
	{ "usage_info", false, ZONE_USAGE },
	{ "tool_usage", false, ZONE_USAGE },
	{ "svg_usage", false, ZONE_USAGE },
	{ "tools", false, ZONE_CHAIN }, /* down to the model of one */
	{ "usageMetadata", false, ZONE_USAGE },
	{ "billed_units", false, ZONE_USAGE },
	{ "metrics", false, ZONE_USAGE },
	{ "choices", false, ZONE_DARK },
	{ "candidates", false, ZONE_CHAIN }, /* down to how many searches there were */
	{ "groundingMetadata", false, ZONE_CHAIN },
	{ "webSearchQueries", false, ZONE_DARK },
	{ "data", false, ZONE_DARK },
	{ NULL, false, ZONE_DARK },
};
