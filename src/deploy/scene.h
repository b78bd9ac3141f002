/* What checks look at beside the database: the repository's snapshots. */
#ifndef HF_DEPLOY_SCENE_H
#define HF_DEPLOY_SCENE_H

#include "checks/checks.h"
#include "repository/repository.h"

typedef struct hf_scene {
    hf_checks_scene scene;
    json_t *snapshot, *newest; /* owned; scene borrows them */
} hf_scene;

/*
 * Gather what the target's checks need.  repository: NULL only where hf_checks_need() asks for nothing of it; snapshot: the id
 * of the one that rows are compared with, NULL: the newest.  What cannot be read is told to the checks, and so is no error.
 */
void hf_scene_init(hf_repository *repository, const hf_target_config *target, const char *url,
                   const char *snapshot, hf_scene *ret_scene);
void hf_scene_done(hf_scene *scene);

#endif
