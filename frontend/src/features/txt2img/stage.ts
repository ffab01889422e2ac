import type { ErrorReport, Job, Picture, Txt2ImgRequest } from '@atelier/sdk/contracts';
import { getJob, reportOf } from '@atelier/sdk/contracts';
import { computed, ref, shallowRef, watch } from 'vue';
import { useRoute } from 'vue-router';
import { call } from '../../api/call.js';
import { fileOf, usePicturesStore } from '../gallery/pictures-store.js';
import { type Preview, useJobsStore } from '../queue/jobs-store.js';
import { useGenerateStore } from './generate-store.js';

/** What stands on the stage. */
export interface Staged {
  job?: Job;
  picture?: Picture;
  preview?: Preview;
  request?: Txt2ImgRequest;
  /** Address of what is shown; undefined while there is only the reserved place. */
  src?: string;
  widthPx: number;
  heightPx: number;
}

/** Follows the address: a picture, a job, or (live) whatever is being made, else what was made last. */
export function useStage() {
  const route = useRoute();
  const jobs = useJobsStore();
  const history = usePicturesStore();
  const generate = useGenerateStore();

  const error = shallowRef<ErrorReport | null>(null);
  const linked = shallowRef<{ picture: Picture; request: Txt2ImgRequest }>();
  /** A finished picture of the job that was picked from the strip; null follows the job. */
  const picked = ref<number | null>(null);

  const address = computed(() => `${String(route.name)} ${String(route.params.id ?? '')}`);
  watch(
    address,
    async () => {
      error.value = null;
      picked.value = null;
      if (route.name !== 'picture') linked.value = undefined;
      const id = String(route.params.id);
      const here = address.value;
      try {
        if (route.name === 'picture') {
          const found = await history.find(id);
          if (address.value === here) linked.value = found;
        } else if (route.name === 'job' && !jobs.jobs.has(id)) jobs.receive(await call(getJob, { id }));
      } catch (cause) {
        if (address.value === here) error.value = reportOf(cause);
      }
    },
    { immediate: true },
  );

  const job = computed<Job | undefined>(() => {
    if (route.name === 'job') return jobs.jobs.get(String(route.params.id));
    if (route.name === 'picture') return linked.value && jobs.jobs.get(linked.value.picture.jobId);
    const mine = generate.lastJob;
    return jobs.running ?? (mine?.phase === 'queued' ? mine : jobs.finished[0]);
  });
  watch(
    () => job.value?.id,
    () => (picked.value = null),
  );

  const staged = computed<Staged>(() => {
    if (route.name === 'picture' && linked.value) return ofPicture(linked.value.picture, linked.value.request, job.value);
    const now = job.value;
    if (!now) {
      const newest = route.name === 'txt2img' ? history.pictures[0] : undefined;
      return newest ? ofPicture(newest) : { widthPx: 1, heightPx: 1 };
    }
    const chosen = picked.value === null ? undefined : now.pictures.find(({ index }) => index === picked.value);
    if (chosen) return ofPicture(chosen, now.request, now);
    const preview = now.phase === 'running' ? jobs.previews.get(now.id) : undefined;
    const latest = now.pictures.at(-1);
    const isPreviewNewer = preview && !now.pictures.some(({ index }) => index === preview.picture);
    if (isPreviewNewer || !latest) {
      return { job: now, preview, request: now.request, src: preview?.url, widthPx: now.request.width, heightPx: now.request.height };
    }
    return ofPicture(latest, now.request, now);
  });

  return { staged, error, picked };
}

function ofPicture(picture: Picture, request?: Txt2ImgRequest, job?: Job): Staged {
  return { job, picture, request, src: fileOf(picture), widthPx: picture.width, heightPx: picture.height };
}
