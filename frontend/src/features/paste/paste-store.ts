import { type ErrorReport, type PictureParameters, reportOf } from '@atelier/sdk/contracts';
import { showToast } from '@atelier/sdk/ui';
import { defineStore } from 'pinia';
import { nextTick, shallowRef } from 'vue';
import { t } from '../../localization/translations.js';
import { useSettingsStore } from '../../shell/settings-store.js';
import { useRequestStore } from '../txt2img/request-store.js';
import { ClipboardClosed, NoParameters } from './errors.js';
import { isInfotext, type ParameterSource, parametersOf } from './read-parameters.js';

/** Brings parameters of pictures and texts into the form, and remembers what of them could not be applied. */
export const usePasteStore = defineStore('paste', () => {
  const form = useRequestStore();
  const settings = useSettingsStore();
  /** What was pasted last and not wholly taken over; null once that was read. */
  const leftOver = shallowRef<Pick<PictureParameters, 'notApplied' | 'refused'> | null>(null);
  const error = shallowRef<ErrorReport | null>(null);

  /** Reads the parameters and puts them into the form. Resolves whether there were any; why not stands in `error`. */
  async function paste(source: ParameterSource): Promise<boolean> {
    return await attempt(async () => apply(await parametersOf(source)));
  }

  /** The arrow beside the prompt: takes apart the parameters that someone has put into it, else those in the clipboard. */
  async function pasteIntoPrompt(): Promise<boolean> {
    return await attempt(async () => {
      const { prompt } = form.request;
      await apply(await parametersOf(isInfotext(prompt) ? prompt : await clipboardText()));
    });
  }

  /**
   * Puts what was read into the form and chooses its checkpoint; a toast takes both back.
   *
   * @throws NoParameters
   */
  async function apply({ request, notApplied, refused }: PictureParameters): Promise<void> {
    const { checkpoint, ...fields } = request;
    if (!Object.values(request).some((value) => value !== '')) throw new NoParameters();
    const before = { ...form.request };
    const checkpointBefore = settings.settings.checkpoint;
    await choose(checkpoint ?? checkpointBefore);
    form.change(fields);
    leftOver.value = notApplied.length + refused.length > 0 ? { notApplied, refused } : null;
    showToast(t('The form has these parameters.'), () => void attempt(restore));

    async function restore(): Promise<void> {
      await choose(checkpointBefore);
      form.change(before);
      leftOver.value = null;
    }
  }

  /** Changes the checkpoint, and waits until the form has brought back that checkpoint's parts: what comes next replaces them. */
  async function choose(checkpoint: string | null): Promise<void> {
    if (checkpoint === settings.settings.checkpoint) return;
    await settings.change({ checkpoint });
    await nextTick();
  }

  async function attempt(action: () => Promise<void>): Promise<boolean> {
    error.value = null;
    try {
      await action();
      return true;
    } catch (cause) {
      error.value = reportOf(cause);
      return false;
    }
  }

  function dismiss(): void {
    leftOver.value = null;
  }

  return { leftOver, error, paste, pasteIntoPrompt, apply, dismiss };
});

/** @throws ClipboardClosed */
async function clipboardText(): Promise<string> {
  // only pages of this machine or of https have a clipboard
  if (!window.isSecureContext) throw new ClipboardClosed();
  return await navigator.clipboard.readText().catch((cause: unknown) => {
    throw new ClipboardClosed(cause);
  });
}
