import type { ModelPart } from '@atelier/sdk/contracts';
import { showToast } from '@atelier/sdk/ui';
import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import { t } from '../../localization/translations.js';
import { useCatalogueStore } from '../../shell/catalogue-store.js';
import { findByName, useRequestStore } from '../txt2img/request-store.js';
import { automaticParts, type ChosenParts, chooseTextEncoder, misfits, partsThatFit, stillMissing } from './model-parts.js';
import { yetToRecommend } from './recommended.js';

const PARTS_KEY = 'atelier.parts';
const ANSWERED_KEY = 'atelier.offersAnswered';

/** The chosen checkpoint: what it is, what it lacks, what it is best used with. */
export const useModelStore = defineStore('model', () => {
  const catalogue = useCatalogueStore();
  const form = useRequestStore();
  /** Files that were chosen for each checkpoint's parts, so that going back to it brings them back. */
  const partsOf = ref(rememberedParts());
  /** The checkpoint whose offers were taken or declined. */
  const answered = ref(localStorage.getItem(ANSWERED_KEY) ?? '');

  const entry = computed(() => catalogue.catalogue.checkpoints.find(({ name }) => name === form.checkpoint));
  const chosen = computed<ChosenParts>(() => ({ vae: form.request.vae, textEncoders: form.request.textEncoders }));

  const isGone = computed(() => catalogue.isLoaded && form.checkpoint !== undefined && !entry.value);
  const lacking = computed(() => (entry.value ? stillMissing(entry.value, chosen.value) : []));
  const unfit = computed(() => (entry.value && !entry.value.problem ? misfits(entry.value, chosen.value, catalogue.catalogue) : []));
  const recommended = computed(() => (entry.value ? yetToRecommend(entry.value.recommended, form.request, catalogue.catalogue) : {}));
  const hasOpenOffers = computed(() => answered.value !== form.checkpoint);

  watch([() => form.request.vae, () => form.request.textEncoders], ([vae, textEncoders]) => {
    if (form.checkpoint) partsOf.value = { ...partsOf.value, [form.checkpoint]: { vae, textEncoders } };
  });
  watch(partsOf, (parts) => localStorage.setItem(PARTS_KEY, JSON.stringify(parts)));
  watch(answered, (name) => localStorage.setItem(ANSWERED_KEY, name));
  watch(
    () => form.checkpoint,
    (name, before) => {
      if (before === undefined || name === undefined || !entry.value) return; // the page has just been opened
      answered.value = '';
      form.change(partsOf.value[name] ?? partsThatFit(entry.value, chosen.value, catalogue.catalogue));
    },
  );

  /** Takes a part from a file. */
  function choose(part: ModelPart, name: string): void {
    if (part === 'vae') form.change({ vae: name });
    else form.change({ textEncoders: chooseTextEncoder(part, name, form.request.textEncoders, catalogue.catalogue.textEncoders) });
  }

  /** Gives up a chosen file that cannot be used. */
  function leaveOut(name: string): void {
    const { vae, textEncoders } = chosen.value;
    form.change({ vae: vae === name ? automaticParts.vae : vae, textEncoders: textEncoders.filter((other) => other !== name) });
  }

  function takeRecommended(): void {
    const before = { ...form.request };
    const { sampler, scheduler, ...numbers } = recommended.value;
    const { samplers, schedulers } = catalogue.catalogue;
    form.change({
      ...numbers,
      ...(sampler !== undefined && { sampler: findByName(samplers, sampler)?.id ?? sampler, samplerOptions: {} }),
      ...(scheduler !== undefined && { scheduler: findByName(schedulers, scheduler)?.id ?? scheduler }),
    });
    dismissOffers();
    showToast(t('The recommended values are set.'), () => form.change(before));
  }

  function dismissOffers(): void {
    answered.value = form.checkpoint ?? '';
  }

  return { entry, isGone, lacking, unfit, recommended, hasOpenOffers, choose, leaveOut, takeRecommended, dismissOffers };
});

function rememberedParts(): Readonly<Record<string, ChosenParts>> {
  try {
    return JSON.parse(localStorage.getItem(PARTS_KEY) ?? '{}') as Record<string, ChosenParts>;
  } catch {
    return {}; // written by something else under our key
  }
}
