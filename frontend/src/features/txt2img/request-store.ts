import { type Txt2ImgInput, Txt2ImgRequest } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import { useCatalogueStore } from '../../shell/catalogue-store.js';
import { useSettingsStore } from '../../shell/settings-store.js';

const KEY = 'atelier.txt2img';
const initial = Txt2ImgRequest.parse({});

/** The txt2img form. It is remembered in this browser. */
export const useRequestStore = defineStore('request', () => {
  const request = ref<Txt2ImgRequest>(remembered());
  const catalogue = useCatalogueStore();
  const settings = useSettingsStore();

  watch(request, (now) => localStorage.setItem(KEY, JSON.stringify(now)), { deep: true });

  const sampler = computed(() => findByName(catalogue.catalogue.samplers, request.value.sampler));

  /** The checkpoint chosen in the top bar, or the only one there is. */
  const checkpoint = computed(() => {
    const only = catalogue.usableCheckpoints.length === 1 ? catalogue.usableCheckpoints[0].name : undefined;
    return settings.settings.checkpoint ?? only;
  });

  function change(patch: Partial<Txt2ImgRequest>): void {
    request.value = { ...request.value, ...patch };
  }

  /** Takes over the request of a picture or job, as it was: also a name that the sampler has since changed. */
  function take(from: Txt2ImgRequest): void {
    const { samplers, schedulers } = catalogue.catalogue;
    request.value = {
      ...from,
      checkpoint: undefined,
      sampler: findByName(samplers, from.sampler)?.id ?? from.sampler,
      scheduler: findByName(schedulers, from.scheduler)?.id ?? from.scheduler,
    };
  }

  /** What is sent when someone presses Generate. */
  function asked(): Txt2ImgInput {
    return checkpoint.value ? { ...request.value, checkpoint: checkpoint.value } : request.value;
  }

  return { request, sampler, checkpoint, change, take, asked };
});

/** One field of the form, for its control. */
export function requestField<Name extends keyof Txt2ImgRequest>(name: Name) {
  const form = useRequestStore();
  return computed({ get: () => form.request[name], set: (value: Txt2ImgRequest[Name]) => form.change({ [name]: value }) });
}

/** By id, label or alias, exactly: the names that requests may use. */
export function findByName<T extends { id: string; label: string; aliases: readonly string[] }>(
  entries: readonly T[],
  name: string,
): T | undefined {
  return entries.find((entry) => entry.id === name || entry.label === name || entry.aliases.includes(name));
}

/** The form as it was left. A field that the schema no longer takes starts at its default. */
function remembered(): Txt2ImgRequest {
  const text = localStorage.getItem(KEY);
  if (!text) return initial;
  let kept: Record<string, unknown>;
  try {
    kept = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return initial; // written by something else under our key
  }
  const taken = Object.entries(Txt2ImgRequest.shape).flatMap(([name, schema]) => {
    const parsed = name in kept ? schema.safeParse(kept[name]) : undefined;
    return parsed?.success ? [[name, parsed.data] as const] : [];
  });
  return { ...initial, ...Object.fromEntries(taken) };
}
