/* flow_words.h - what vendors and clients say in the flow tests. */
#ifndef FLOW_FLOW_WORDS_H
#define FLOW_FLOW_WORDS_H

#define WORD_JSON "Content-Type: application/json\n"
#define WORD_SSE  "Content-Type: text/event-stream\n"

/* Requests. */
#define WORD_ASK    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define WORD_STREAM "{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}],\"stream\":true}"

/* A whole plain answer. */
#define WORD_ANSWER                                                                            \
    "{\"id\":\"1\",\"choices\":[{\"message\":{\"content\":\"hello\"},\"finish_reason\":"       \
    "\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"

/* The same to a client that asked for a stream, up to the usage and the end. */
#define WORD_PLAYED_CHUNK                                                                      \
    "data: {\"object\":\"chat.completion.chunk\",\"id\":\"1\",\"choices\":["
#define WORD_PLAYED                                                                            \
    WORD_PLAYED_CHUNK "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"}," \
                      "\"finish_reason\":null}]}\n\n" WORD_PLAYED_CHUNK                        \
                      "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

/* Events. */
#define WORD_ROLE "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n"
#define WORD_HI   "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define WORD_STOP                                                                              \
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define WORD_USAGE                                                                             \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n"
#define WORD_DONE  "data: [DONE]\n\n"
#define WORD_WHOLE WORD_ROLE WORD_HI WORD_STOP WORD_DONE

/* Errors. */
#define WORD_BAD                                                                               \
    "{\"error\":{\"message\":\"bad temperature\",\"type\":\"invalid_request_error\"}}"
#define WORD_LONG                                                                              \
    "{\"error\":{\"message\":\"This model's maximum context length is 8192 tokens\","          \
    "\"code\":\"context_length_exceeded\"}}"
#define WORD_BROKE                                                                             \
    "{\"error\":{\"message\":\"You exceeded your quota\",\"code\":\"insufficient_quota\"}}"
#define WORD_SICK "{\"error\":{\"message\":\"internal\",\"type\":\"server_error\"}}"

#endif
