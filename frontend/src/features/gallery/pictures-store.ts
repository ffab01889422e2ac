import { getPicture, type Job, listPictures, type Picture, type ReplyOf } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import { call } from '../../api/call.js';

const PAGE = 100;

/** Address of a picture's file. */
export function fileOf(picture: { id: string }): string {
  return `/api/pictures/${encodeURIComponent(picture.id)}/file`;
}

/** Finished pictures, the newest first, as far back as someone has scrolled. */
export const usePicturesStore = defineStore('pictures', () => {
  const pictures = shallowRef<readonly Picture[]>([]);
  const total = ref(0);
  const hasMore = ref(false);
  let isLoading = false;

  async function load(): Promise<void> {
    const page = await call(listPictures, { limit: PAGE });
    pictures.value = page.pictures;
    total.value = page.total;
    hasMore.value = page.pictures.length < page.total;
  }

  async function loadMore(): Promise<void> {
    const last = pictures.value.at(-1);
    if (isLoading || !hasMore.value || !last) return;
    isLoading = true;
    try {
      const page = await call(listPictures, { limit: PAGE, before: last.id });
      const known = new Set(pictures.value.map(({ id }) => id));
      pictures.value = [...pictures.value, ...page.pictures.filter(({ id }) => !known.has(id))];
      total.value = page.total;
      hasMore.value = page.pictures.length === PAGE;
    } finally {
      isLoading = false;
    }
  }

  /** Takes over pictures that a job has just finished. */
  function receive(job: Job): void {
    const known = new Set(pictures.value.map(({ id }) => id));
    const oldest = pictures.value.at(-1)?.createdAt ?? '';
    const fresh = job.pictures.filter((picture) => !known.has(picture.id) && (picture.createdAt >= oldest || !hasMore.value));
    if (fresh.length === 0) return;
    pictures.value = [...fresh, ...pictures.value].sort((a, b) => b.createdAt.localeCompare(a.createdAt) || b.index - a.index);
    total.value += fresh.length;
  }

  /** One picture and the request that made it. */
  function find(id: string): Promise<ReplyOf<typeof getPicture>> {
    return call(getPicture, { id });
  }

  /** The picture beside another one in the history: +1 is the next older one. */
  function beside(id: string | undefined, offset: 1 | -1): Picture | undefined {
    const at = pictures.value.findIndex((picture) => picture.id === id);
    return at < 0 ? pictures.value[0] : pictures.value[at + offset];
  }

  return { pictures, total, hasMore, load, loadMore, receive, find, beside };
});
