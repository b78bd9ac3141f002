#include "stream/zstd.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

struct hf_zstd {
    ZSTD_CCtx *compressor; /* made when first needed */
    ZSTD_DCtx *decompressor;
};

hf_zstd *hf_zstd_new(void)
{
    return hf_alloc(sizeof(hf_zstd));
}

void hf_zstd_free(hf_zstd *zstd)
{
    if (zstd == NULL)
        return;
    (void) ZSTD_freeCCtx(zstd->compressor);
    (void) ZSTD_freeDCtx(zstd->decompressor);
    free(zstd);
}

void hf_zstd_freep(hf_zstd **zstd)
{
    hf_zstd_free(*zstd);
    *zstd = NULL;
}

/* Every setting that shapes the frame, at each use: the same bytes give the same frame. */
static void set_up_compressor(hf_zstd *zstd, int level)
{
    if (zstd->compressor == NULL)
        zstd->compressor = ZSTD_createCCtx();
    if (zstd->compressor == NULL)
        hf_out_of_memory();
    (void) ZSTD_CCtx_reset(zstd->compressor, ZSTD_reset_session_and_parameters);
    (void) ZSTD_CCtx_setParameter(zstd->compressor, ZSTD_c_compressionLevel, level);
    (void) ZSTD_CCtx_setParameter(zstd->compressor, ZSTD_c_contentSizeFlag, 1);
    (void) ZSTD_CCtx_setParameter(zstd->compressor, ZSTD_c_checksumFlag, 1);
}

hf_status hf_zstd_compress(hf_zstd *zstd, int level, const void *data, size_t len, hf_buf *ret_frame,
                           hf_error *error)
{
    if (level < 1 || level > 19)
        return hf_fail(error, HF_E_USAGE, "compression level %d is not between 1 and 19", level);

    const size_t bound = ZSTD_compressBound(len);
    const size_t room = bound < ret_frame->max ? bound : ret_frame->max;

    hf_buf_clear(ret_frame);
    char *frame = hf_buf_reserve(ret_frame, room);
    set_up_compressor(zstd, level);
    const size_t size = ZSTD_compress2(zstd->compressor, frame, room, data, len);
    switch (ZSTD_getErrorCode(size)) {
    case ZSTD_error_no_error:
        break;
    case ZSTD_error_dstSize_tooSmall:
        return hf_fail(error, HF_E_LIMIT, "%zu bytes do not compress to %zu or less", len, ret_frame->max);
    case ZSTD_error_memory_allocation:
        return hf_fail(error, HF_E_MEMORY, "no memory to compress %zu bytes", len);
    default:
        return hf_fail(error, HF_E_SYSTEM, "cannot compress %zu bytes: %s", len, ZSTD_getErrorName(size));
    }
    ret_frame->len = size;
    ret_frame->data[size] = '\0';
    return HF_OK;
}

static bool begins_a_frame(const void *frame, size_t len)
{
    static const unsigned char magic[] = {0x28, 0xb5, 0x2f, 0xfd};

    return len >= sizeof(magic) && memcmp(frame, magic, sizeof(magic)) == 0;
}

/* All that can be known before anything is allocated. */
static hf_status check_frame(const void *frame, size_t len, size_t max, size_t *ret_size, hf_error *error)
{
    if (!begins_a_frame(frame, len))
        return hf_fail(error, HF_E_CORRUPT, "not a zstd frame");

    const unsigned long long size = ZSTD_getFrameContentSize(frame, len);
    if (size == ZSTD_CONTENTSIZE_ERROR)
        return hf_fail(error, HF_E_CORRUPT, "the zstd frame's header is damaged or cut off");
    if (size == ZSTD_CONTENTSIZE_UNKNOWN)
        return hf_fail(error, HF_E_LIMIT, "the zstd frame does not tell its content's size");
    if (size > max)
        return hf_fail(error, HF_E_LIMIT, "the zstd frame holds %llu bytes, more than the %zu allowed", size,
                       max);

    const size_t whole = ZSTD_findFrameCompressedSize(frame, len);
    if (ZSTD_isError(whole))
        return hf_fail(error, HF_E_CORRUPT, "the zstd frame is damaged or cut off: %s",
                       ZSTD_getErrorName(whole));
    if (whole != len)
        return hf_fail(error, HF_E_CORRUPT, "%zu bytes follow the zstd frame", len - whole);
    *ret_size = (size_t) size;
    return HF_OK;
}

hf_status hf_zstd_decompress(hf_zstd *zstd, const void *frame, size_t len, hf_buf *ret_data, hf_error *error)
{
    size_t size = 0;

    HF_TRY(check_frame(frame, len, ret_data->max, &size, error));
    if (zstd->decompressor == NULL)
        zstd->decompressor = ZSTD_createDCtx();
    if (zstd->decompressor == NULL)
        hf_out_of_memory();

    hf_buf_clear(ret_data);
    char *data = hf_buf_reserve(ret_data, size);
    const size_t got = ZSTD_decompressDCtx(zstd->decompressor, data, size, frame, len);
    if (ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation)
        return hf_fail(error, HF_E_MEMORY, "no memory to decompress %zu bytes", size);
    if (ZSTD_isError(got) || got != size)
        return hf_fail(error, HF_E_CORRUPT, "the zstd frame is damaged: %s",
                       ZSTD_isError(got) ? ZSTD_getErrorName(got) : "wrong content size");
    ret_data->len = size;
    ret_data->data[size] = '\0';
    return HF_OK;
}
