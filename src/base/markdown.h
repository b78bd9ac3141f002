/* Markdown (GitHub's): text from outside, so that nothing in it becomes markup. */
#ifndef HF_BASE_MARKDOWN_H
#define HF_BASE_MARKDOWN_H

#include "base/buffer.h"

/* On one line: line feeds become spaces. */
void hf_markdown_text(hf_buf *out, const char *text);

/* As `code` on one line. */
void hf_markdown_code(hf_buf *out, const char *text);

/* A block of code, fenced by more backticks than the text has; nothing for an empty text. */
void hf_markdown_block(hf_buf *out, const char *language, const char *text);

#endif
