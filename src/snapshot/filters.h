/* Filters, from the archive into the manifest; pg/archive_filter.h says what they mean. */
#ifndef HF_SNAPSHOT_FILTERS_H
#define HF_SNAPSHOT_FILTERS_H

#include "pg/archive_filter.h"
#include "repository/manifest.h"

/* Take what the filter leaves out from the archive and from the manifest's lists, which then says so.  Errors as of hf_archive_filter(). */
HF_MUST_CHECK hf_status hf_filters_apply(hf_archive *archive, const hf_filter *filter, hf_manifest *manifest,
                                         hf_error *error);

/* The manifest's lists once more, when something was added to them. */
void hf_filters_prune(hf_manifest *manifest);

/* Loosen the foreign keys to tables of which the manifest does not have all rows. */
void hf_filters_loosen(hf_archive *archive, const hf_manifest *manifest, hf_strings *ret_notes);

/* The manifest's own filter; it borrows. */
hf_filter hf_filters_of(const hf_manifest *manifest);

#endif
