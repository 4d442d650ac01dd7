/* plain_answers.h - what vendors, balancers and frameworks say with a 200, and whether it is an
 * answer.  The next case is a row: unit and flow tests play them all. */
#ifndef TESTS_CASES_PLAIN_ANSWERS_H
#define TESTS_CASES_PLAIN_ANSWERS_H

#include "dialect/dialect.h"

struct plain_answer_case {
    const char *name; /* who says so, or what it is */
    enum dialect_path path;
    const char *body;
    const char *lacks; /* a part of what the log says; NULL: it is a success */
};

#define CHAT_CASE(choice)                                                                      \
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"choices\":[" choice "]}"
#define MESSAGE_CASE(members) CHAT_CASE("{\"index\":0,\"message\":{" members "}}")
#define STOPPED_CASE(members)                                                                  \
    CHAT_CASE("{\"index\":0,\"message\":{\"role\":\"assistant\"," members                      \
              "},\"finish_reason\":\"stop\"}")
#define TEXT_CASE(choice)  "{\"object\":\"text_completion\",\"choices\":[" choice "]}"
#define VECTOR_CASE(items) "{\"object\":\"list\",\"data\":[" items "],\"model\":\"m\"}"

/* Embeddings are asked for two inputs. */
#define PLAIN_ANSWERS_ASK                                                                      \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"prompt\":"       \
    "\"hi\","                                                                                  \
    "\"input\":[\"a\",\"b\"]}"

/* clang-format off */
static const struct plain_answer_case plain_answers[] = {
    /* successes */
    {"a text",                 DIALECT_CHAT, STOPPED_CASE("\"content\":\"hi\""), NULL},
    {"no role",                DIALECT_CHAT, CHAT_CASE("{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}"), NULL},
    {"a refusal",              DIALECT_CHAT, STOPPED_CASE("\"content\":null,\"refusal\":\"no\""), NULL},
    {"a tool call",            DIALECT_CHAT, CHAT_CASE("{\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]},\"finish_reason\":\"tool_calls\"}"), NULL},
    {"a function call",        DIALECT_CHAT, CHAT_CASE("{\"message\":{\"content\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}},\"finish_reason\":\"function_call\"}"), NULL},
    {"reasoning alone, DeepSeek", DIALECT_CHAT, CHAT_CASE("{\"message\":{\"role\":\"assistant\",\"content\":\"\",\"reasoning_content\":\"hm\"},\"finish_reason\":\"length\"}"), NULL},
    {"tokens used up by reasoning", DIALECT_CHAT, CHAT_CASE("{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"length\"}"), NULL},
    {"no content at all, Gemini", DIALECT_CHAT, CHAT_CASE("{\"message\":{\"role\":\"assistant\"},\"finish_reason\":\"length\"}"), NULL},
    {"nothing to say",         DIALECT_CHAT, STOPPED_CASE("\"content\":\"\""), NULL},
    {"filtered, Azure",        DIALECT_CHAT, CHAT_CASE("{\"message\":{\"role\":\"assistant\",\"content\":null},\"content_filter_results\":{},\"finish_reason\":\"content_filter\"}"), NULL},
    {"audio",                  DIALECT_CHAT, STOPPED_CASE("\"content\":null,\"audio\":{\"id\":\"a\",\"data\":\"UklG\"}"), NULL},
    {"parts, Mistral",         DIALECT_CHAT, STOPPED_CASE("\"content\":[{\"type\":\"thinking\"},{\"type\":\"text\",\"text\":\"hi\"}]"), NULL},
    {"members nobody knows",   DIALECT_CHAT, STOPPED_CASE("\"content\":\"hi\",\"x\":[1],\"annotations\":[]"), NULL},
    {"a reason nobody knows",  DIALECT_CHAT, CHAT_CASE("{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"eos\"}"), NULL},
    {"content, null finish reason", DIALECT_CHAT, CHAT_CASE("{\"message\":{\"content\":\"hi\"},\"finish_reason\":null}"), NULL},
    {"content, empty finish reason", DIALECT_CHAT, CHAT_CASE("{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"\"}"), NULL},
    {"one choice of two",      DIALECT_CHAT, CHAT_CASE("{\"index\":0},{\"index\":1,\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}"), NULL},
    {"an empty error beside",  DIALECT_CHAT, "{\"error\":null,\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", NULL},
    {"a byte order mark",      DIALECT_CHAT, "\xEF\xBB\xBF" STOPPED_CASE("\"content\":\"hi\""), NULL},
    {"numbers that are none, vLLM", DIALECT_CHAT, CHAT_CASE("{\"message\":{\"content\":\"hi\"},\"logprobs\":[NaN,-Infinity,Infinity],\"finish_reason\":\"stop\"}"), NULL},
    {"a name twice",           DIALECT_CHAT, "{\"id\":1,\"id\":2,\"choices\":[],\"choices\":[{\"message\":{\"content\":\"\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", NULL},
    {"a text",                 DIALECT_COMPLETIONS, TEXT_CASE("{\"text\":\"hi\",\"index\":0,\"finish_reason\":\"stop\"}"), NULL},
    {"an empty text",          DIALECT_COMPLETIONS, TEXT_CASE("{\"text\":\"\",\"finish_reason\":\"length\"}"), NULL},
    {"null finish reason",     DIALECT_COMPLETIONS, TEXT_CASE("{\"text\":\"hi\",\"finish_reason\":null}"), NULL},
    {"numbers",                DIALECT_EMBEDDINGS, VECTOR_CASE("{\"embedding\":[0.1]},{\"embedding\":[0.2]}"), NULL},
    {"base64",                 DIALECT_EMBEDDINGS, VECTOR_CASE("{\"index\":0,\"embedding\":\"AAAA\"},{\"index\":1,\"embedding\":\"AAAA\"}"), NULL},
    {"several kinds, Cohere",  DIALECT_EMBEDDINGS, VECTOR_CASE("{\"embedding\":{\"float\":[1]}},{\"embedding\":{\"float\":[1]}}"), NULL},
    {"models",                 DIALECT_MODELS, "{\"object\":\"list\",\"data\":[{\"id\":\"m\"}]}", NULL},
    {"no model",               DIALECT_MODELS, "{\"object\":\"list\",\"data\":[]}", NULL},
    {"no model, Ollama",       DIALECT_MODELS, "{\"object\":\"list\",\"data\":null}", NULL},

    /* none */
    {"an empty object",        DIALECT_CHAT, "{}", "no choices"},
    {"a balancer",             DIALECT_CHAT, "{\"message\":\"Service busy\"}", "no choices"},
    {"a name twice, then nothing", DIALECT_CHAT, "{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}],\"choices\":[]}", "no choices"},
    {"a word for a number",    DIALECT_CHAT, "{\"choices\":[nan]}", "no JSON object"},
    {"two marks",              DIALECT_CHAT, "\xEF\xBB\xBF\xEF\xBB\xBF{}", "no JSON object"},
    {"FastAPI",                DIALECT_CHAT, "{\"detail\":\"Not Found\"}", "no choices"},
    {"a health page",          DIALECT_CHAT, "{\"status\":\"ok\"}", "no choices"},
    {"an empty error",         DIALECT_CHAT, "{\"error\":{}}", "no choices"},
    {"no choices",             DIALECT_CHAT, CHAT_CASE(""), "no choices"},
    {"null for choices",       DIALECT_CHAT, "{\"choices\":null,\"usage\":{\"prompt_tokens\":1}}", "no choices"},
    {"choices as an object",   DIALECT_CHAT, "{\"choices\":{\"message\":{\"content\":\"hi\"}}}", "no choices"},
    {"choices of numbers",     DIALECT_CHAT, "{\"choices\":[1]}", "no choice that can be read"},
    {"empty choices",          DIALECT_CHAT, CHAT_CASE("{},{}"), "no choice with a message"},
    {"a finish reason alone",  DIALECT_CHAT, CHAT_CASE("{\"finish_reason\":\"stop\"}"), "no choice with a message"},
    {"null for a message",     DIALECT_CHAT, CHAT_CASE("{\"message\":null,\"finish_reason\":\"stop\"}"), "no choice with a message"},
    {"an empty message",       DIALECT_CHAT, CHAT_CASE("{\"message\":{},\"finish_reason\":\"stop\"}"), "no choice with a message"},
    {"a number for content",   DIALECT_CHAT, STOPPED_CASE("\"content\":7"), "no choice with a message"},
    {"neither of both",        DIALECT_CHAT, MESSAGE_CASE("\"role\":\"assistant\",\"content\":\"\""), "neither content nor a finish reason"},
    {"null for both",          DIALECT_CHAT, CHAT_CASE("{\"message\":{\"role\":\"assistant\",\"content\":null},\"finish_reason\":null}"), "neither content nor a finish reason"},
    {"a chunk of a stream",    DIALECT_CHAT, "{\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}", "no choice with a message"},
    {"another path's answer",  DIALECT_CHAT, VECTOR_CASE("{\"embedding\":[1]},{\"embedding\":[1]}"), "no choices"},
    {"a message for a text",   DIALECT_COMPLETIONS, STOPPED_CASE("\"content\":\"hi\""), "no choice with a text"},
    {"null for a text",        DIALECT_COMPLETIONS, TEXT_CASE("{\"text\":null,\"finish_reason\":\"stop\"}"), "no choice with a text"},
    {"neither of both",        DIALECT_COMPLETIONS, TEXT_CASE("{\"text\":\"\",\"finish_reason\":null}"), "neither content nor a finish reason"},
    {"an empty object",        DIALECT_COMPLETIONS, "{}", "no choices"},
    {"an empty object",        DIALECT_EMBEDDINGS, "{}", "no list of embeddings"},
    {"no vector",              DIALECT_EMBEDDINGS, VECTOR_CASE(""), "no list of embeddings"},
    {"one of two vectors",     DIALECT_EMBEDDINGS, VECTOR_CASE("{\"embedding\":[1]}"), "fewer embeddings than inputs"},
    {"an empty vector",        DIALECT_EMBEDDINGS, VECTOR_CASE("{\"embedding\":[1]},{\"embedding\":[]}"), "an embedding without its vector"},
    {"null for a vector",      DIALECT_EMBEDDINGS, VECTOR_CASE("{\"embedding\":null},{\"embedding\":[1]}"), "an embedding without its vector"},
    {"numbers for vectors",    DIALECT_EMBEDDINGS, VECTOR_CASE("1,2"), "an embedding without its vector"},
    {"a single vector",        DIALECT_EMBEDDINGS, "{\"embedding\":[1,2]}", "no list of embeddings"},
    {"an empty object",        DIALECT_MODELS, "{}", "no list of models"},
    {"a health page",          DIALECT_MODELS, "{\"status\":\"ok\"}", "no list of models"},
    {"an object for the list", DIALECT_MODELS, "{\"data\":{}}", "no list of models"},
};
/* clang-format on */

#endif
