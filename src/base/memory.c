#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY 8

void hf_out_of_memory(void)
{
    static const char text[] = "holdfast: out of memory\n";

    /* write() and _exit() only: nothing here may allocate, and no handler may find half-changed state. */
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void) ignored;
    _exit(hf_status_exit(HF_E_MEMORY));
}

void *hf_alloc(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);

    if (memory == NULL)
        hf_out_of_memory();
    return memory;
}

void *hf_realloc_array(void *array, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        hf_out_of_memory();

    void *memory = realloc(array, bytes > 0 ? bytes : 1);
    if (memory == NULL)
        hf_out_of_memory();
    return memory;
}

char *hf_strdup(const char *text)
{
    return text == NULL ? NULL : hf_strndup(text, strlen(text));
}

char *hf_strndup(const char *text, size_t len)
{
    if (text == NULL)
        return NULL;

    const size_t used = strnlen(text, len);
    char *copy = hf_alloc(used + 1);

    memcpy(copy, text, used);
    return copy;
}

char *hf_format(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    if (len < 0)
        hf_out_of_memory();
    return text;
}

/* The callers' pointers have other types than void *: they are read and written as bytes, to keep to the aliasing rules. */
static void *load_pointer(const void *from)
{
    void *pointer;

    memcpy(&pointer, from, sizeof(pointer));
    return pointer;
}

static void store_pointer(void *to, void *pointer)
{
    memcpy(to, &pointer, sizeof(pointer));
}

void hf_freep(void *pointer_to_pointer)
{
    free(load_pointer(pointer_to_pointer));
    store_pointer(pointer_to_pointer, NULL);
}

void hf_fclosep(void *pointer_to_file)
{
    FILE *file = load_pointer(pointer_to_file);

    if (file != NULL)
        (void) fclose(file);
    store_pointer(pointer_to_file, NULL);
}

void hf_closep(const int *fd)
{
    if (*fd >= 0)
        (void) close(*fd);
}

void hf_vector_grow(void **items, size_t *capacity, size_t count, size_t item_size)
{
    if (count < *capacity)
        return;

    size_t wanted = FIRST_CAPACITY;
    if (*capacity > 0 && __builtin_mul_overflow(*capacity, (size_t) 2, &wanted))
        hf_out_of_memory();
    store_pointer(items, hf_realloc_array(load_pointer(items), wanted, item_size));
    *capacity = wanted;
}

void hf_strings_add(hf_strings *list, const char *text)
{
    HF_PUSH(list, hf_strdup(text));
}

void hf_strings_done(hf_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (hf_strings){0};
}

int hf_strings_has(const hf_strings *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return 1;
    return 0;
}
