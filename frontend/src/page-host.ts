import type { PageHost } from '@atelier/sdk/ui';
import { computed } from 'vue';
import { callRoute } from './api/call.js';
import { useRequestStore } from './features/txt2img/request-store.js';
import { useJobsStore } from './features/queue/jobs-store.js';
import { t } from './localization/translations.js';
import { useSettingsStore } from './shell/settings-store.js';

/** What the page gives to the control kit and to extensions. */
export function createPageHost(): PageHost {
  const form = useRequestStore();
  const jobs = useJobsStore();
  const settings = useSettingsStore();
  const field = (name: 'prompt' | 'negativePrompt') =>
    computed({ get: () => form.request[name], set: (text) => form.change({ [name]: text }) });
  return {
    callRoute,
    request: computed(() => form.request),
    changeRequest: form.change,
    positive: field('prompt'),
    negative: field('negativePrompt'),
    jobs: computed(() => jobs.newestFirst),
    settingsOf: (extension) => computed(() => settings.settings.extensions[extension] ?? {}),
    t,
  };
}
