import { type ErrorReport, type PictureParameters, reportOf } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import { type ParameterSource, parametersOf } from '../paste/read-parameters.js';

/** What stands in the PNG Info tab; it is still there when someone comes back to the tab. */
export const usePngInfoStore = defineStore('png-info', () => {
  const found = shallowRef<PictureParameters | null>(null);
  /** Address of the picture itself; none where a text was dropped. */
  const src = ref<string>();
  const error = shallowRef<ErrorReport | null>(null);
  const isReading = ref(false);
  let latest: ParameterSource | undefined;

  /** Shows a picture and what it tells of itself. Of two that are read at once, the later one stays. */
  async function show(source: ParameterSource): Promise<void> {
    latest = source;
    error.value = null;
    found.value = null;
    isReading.value = true;
    if (src.value) URL.revokeObjectURL(src.value);
    src.value = isPicture(source) ? URL.createObjectURL(source) : undefined;
    try {
      const parameters = await parametersOf(source);
      if (latest === source) found.value = parameters;
    } catch (cause) {
      if (latest === source) error.value = reportOf(cause);
    } finally {
      if (latest === source) isReading.value = false;
    }
  }

  return { found, src, error, isReading, show };
});

function isPicture(source: ParameterSource): source is Blob {
  return typeof source !== 'string' && source.type.startsWith('image/');
}
