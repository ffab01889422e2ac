import { createTxt2ImgJob, type ErrorReport, reportOf, type Txt2ImgInput } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import { call } from '../../api/call.js';
import { useJobsStore } from '../queue/jobs-store.js';
import { useRequestStore } from './request-store.js';

/** Sends requests off: once, or for ever until it is stopped or something fails. */
export const useGenerateStore = defineStore('generate', () => {
  const jobs = useJobsStore();
  const form = useRequestStore();
  const isSending = ref(false);
  const isForever = ref(false);
  const error = shallowRef<ErrorReport | null>(null);
  /** The job sent last from this page. */
  const lastId = ref<string>();

  const lastJob = computed(() => (lastId.value ? jobs.jobs.get(lastId.value) : undefined));

  async function send(request: Txt2ImgInput, place: 'front' | 'back' = 'back'): Promise<void> {
    isSending.value = true;
    error.value = null;
    try {
      lastId.value = (await call(createTxt2ImgJob, { ...request, place })).jobId;
    } catch (cause) {
      error.value = reportOf(cause);
      isForever.value = false;
    } finally {
      isSending.value = false;
    }
  }

  function generate(place: 'front' | 'back' = 'back'): Promise<void> {
    return send(form.asked(), place);
  }

  async function generateForever(): Promise<void> {
    isForever.value = true;
    const isUnderWay = lastJob.value?.phase === 'queued' || lastJob.value?.phase === 'running';
    if (!isUnderWay) await generate();
  }

  function stopForever(): void {
    isForever.value = false;
  }

  // one after another: the form may change between two pictures, and the next one takes what it says then
  watch(
    () => lastJob.value?.phase,
    async (phase) => {
      if (!isForever.value) return;
      if (phase === 'done') await generate();
      else if (phase === 'failed' || phase === 'cancelled') isForever.value = false;
    },
  );

  return { isSending, isForever, error, lastJob, send, generate, generateForever, stopForever };
});
