/*
 * Memory.
 *
 * Small allocations do not return NULL: when memory is exhausted the process says so and ends, which is no worse than
 * the kernel's SIGKILL that Linux sends first, and promise P4 covers both.  Every size that comes from outside is
 * bounded by its caller before it gets here.  Owners are declared with a cleanup attribute and handed over with
 * HF_TAKE().
 */
#ifndef HF_BASE_MEMORY_H
#define HF_BASE_MEMORY_H

#include <stddef.h>

#include "base/error.h"

void *hf_alloc(size_t size); /* zeroed; free() it */
void *hf_realloc_array(void *array, size_t count, size_t size);
char *hf_strdup(const char *text); /* NULL gives NULL */
char *hf_strndup(const char *text, size_t len);
char *hf_format(const char *fmt, ...) HF_PRINTF(1, 2);

/* Say so and end the process; for libraries' constructors that return NULL. */
_Noreturn void hf_out_of_memory(void);

void hf_freep(void *pointer_to_pointer);
void hf_fclosep(void *pointer_to_file);
void hf_closep(const int *fd); /* ignores a negative descriptor */

#define HF_AUTO(release) __attribute__((cleanup(release)))
#define HF_AUTO_STR HF_AUTO(hf_freep) char *
#define HF_AUTO_FD HF_AUTO(hf_closep) int

#define HF_TAKE(pointer)                                                                                     \
    __extension__({                                                                                          \
        __typeof__(pointer) taken_ = (pointer);                                                              \
        (pointer) = NULL;                                                                                    \
        taken_;                                                                                              \
    })

/*
 * A growing array: any struct with the members `items`, `count` and `capacity`.  HF_PUSH() appends a value,
 * HF_APPEND_NEW() appends a zeroed element and gives its address (valid until the next append).
 */
#define HF_VECTOR(type)                                                                                      \
    struct {                                                                                                 \
        type *items;                                                                                         \
        size_t count;                                                                                        \
        size_t capacity;                                                                                     \
    }

void hf_vector_grow(void **items, size_t *capacity, size_t count, size_t item_size);

#define HF_PUSH(vector, value)                                                                               \
    do {                                                                                                     \
        hf_vector_grow((void **) &(vector)->items, &(vector)->capacity, (vector)->count,                     \
                       sizeof(*(vector)->items));                                                            \
        (vector)->items[(vector)->count++] = (value);                                                        \
    } while (0)

#define HF_APPEND_NEW(vector)                                                                                \
    __extension__({                                                                                          \
        hf_vector_grow((void **) &(vector)->items, &(vector)->capacity, (vector)->count,                     \
                       sizeof(*(vector)->items));                                                            \
        memset(&(vector)->items[(vector)->count], 0, sizeof(*(vector)->items));                              \
        &(vector)->items[(vector)->count++];                                                                 \
    })

/* A list of owned strings. */
typedef HF_VECTOR(char *) hf_strings;
void hf_strings_add(hf_strings *list, const char *text);
void hf_strings_done(hf_strings *list);
int hf_strings_has(const hf_strings *list, const char *text);

#endif
