import { changeSettings, getSettings, Settings, type SettingsPatch } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import { call } from '../api/call.js';
import { speak } from '../localization/translations.js';

/** What is remembered on the server. */
export const useSettingsStore = defineStore('settings', () => {
  const settings = shallowRef<Settings>(Settings.parse({}));

  async function receive(next: Settings): Promise<void> {
    const languageChanged = next.language !== settings.value.language;
    settings.value = next;
    if (languageChanged) await speak(next.language);
  }

  async function load(): Promise<void> {
    await receive(await call(getSettings, {}));
  }

  async function change(patch: SettingsPatch): Promise<void> {
    await receive(await call(changeSettings, patch));
  }

  return { settings, receive, load, change };
});
