import { type ErrorReport, reportOf } from '@atelier/sdk/contracts';
import { type ShallowRef, shallowRef } from 'vue';

/** Something that a click starts and that may fail. The error is for an `<ErrorNote>` beside what was clicked. */
export interface Attempt {
  error: ShallowRef<ErrorReport | null>;
  attempt(action: () => Promise<unknown>): Promise<void>;
}

export function useAttempt(): Attempt {
  const error = shallowRef<ErrorReport | null>(null);
  return {
    error,
    async attempt(action) {
      error.value = null;
      try {
        await action();
      } catch (cause) {
        error.value = reportOf(cause);
      }
    },
  };
}
