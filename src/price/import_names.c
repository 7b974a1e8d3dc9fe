/* What others call the providers. To add one: a row. A name that ends in '*' is a beginning. */
#include "price/import.h"

#include <string.h>

struct row {
	const char *source; /* NULL: all of them */
	const char *theirs, *ours, *prefix;
};

static const struct row rows[] = {
	{ NULL, "openai", "openai", "" },
	{ "litellm", "text-completion-openai", "openai", "" },
	{ NULL, "anthropic", "anthropic", "" },
	{ "litellm", "bedrock", "bedrock", "" },
	{ "litellm", "bedrock_converse", "bedrock", "" },
	{ "litellm", "bedrock_mantle", "bedrock", "bedrock_mantle/" },
	{ "genai-prices", "aws", "bedrock", "" },
	{ "models.dev", "amazon-bedrock", "bedrock", "" },
	{ "litellm", "gemini", "google", "gemini/" },
	{ NULL, "google", "google", "" },
	{ "litellm", "vertex_ai*", "vertex", "vertex_ai/" },
	{ "models.dev", "google-vertex", "vertex", "" },
	{ NULL, "azure", "azure", "azure/" },
	{ "litellm", "azure_ai", "azure", "azure_ai/" },
	{ "litellm", "azure_text", "azure", "azure/" },
	{ NULL, "mistral", "mistral", "mistral/" },
	{ NULL, "cohere", "cohere", "" },
	{ "litellm", "cohere_chat", "cohere", "" },
	{ NULL, "groq", "groq", "groq/" },
	{ NULL, "deepseek", "deepseek", "deepseek/" },
	{ NULL, "xai", "xai", "xai/" },
	{ "genai-prices", "x-ai", "xai", "" },
	{ NULL, "openrouter", "openrouter", "openrouter/" },
	{ NULL, "perplexity", "perplexity", "perplexity/" },
	{ NULL, "together", "together", "" },
	{ "litellm", "together_ai", "together", "together_ai/" },
	{ "models.dev", "togetherai", "together", "" },
	{ NULL, "cerebras", "cerebras", "cerebras/" },
	{ "litellm", "voyage", "voyageai", "voyage/" },
	{ NULL, "voyageai", "voyageai", "" },
	{ "litellm", "moonshot", "moonshotai", "moonshot/" },
	{ NULL, "moonshotai", "moonshotai", "" },
	{ NULL, "zai", "zai", "zai/" },
	{ "litellm", "dashscope", "alibaba", "dashscope/" },
	{ "models.dev", "alibaba", "alibaba", "" },
	{ "litellm", "watsonx", "watsonx", "watsonx/" },
	{ "genai-prices", "huggingface_together", "huggingface", "" },
	{ "litellm", "ollama", "ollama-cloud", "ollama/" },
	{ "litellm", "crusoe", "crusoe", "crusoe/" },
	{ "litellm", "deepgram", "deepgram", "deepgram/" },
	{ "litellm", "replicate", "replicate", "replicate/" },
	{ "litellm", "vercel_ai_gateway", "vercel-gateway", "vercel_ai_gateway/" },
	{ "models.dev", "vercel", "vercel-gateway", "" },
};

static bool matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, name, len - 1) == 0;
	return strcmp(pattern, name) == 0;
}

const char *import_provider_of(const char *source, const char *theirs, const char **ret_prefix)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].source && strcmp(rows[i].source, source) != 0)
			continue;
		if (!matches(rows[i].theirs, theirs))
			continue;
		*ret_prefix = rows[i].prefix;
		return rows[i].ours;
	}
	return NULL;
}
