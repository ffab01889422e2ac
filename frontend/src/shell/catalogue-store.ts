import { type Catalogue, changeExtension, getCatalogue, refreshCatalogue } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import { call } from '../api/call.js';

/** What the engine has to offer, as the server last heard it. */
export const useCatalogueStore = defineStore('catalogue', () => {
  const catalogue = shallowRef<Catalogue>({
    samplers: [],
    schedulers: [],
    checkpoints: [],
    vaes: [],
    textEncoders: [],
    embeddings: [],
    extensions: [],
    tabs: [],
  });
  const isLoaded = shallowRef(false);

  const usableCheckpoints = computed(() => catalogue.value.checkpoints.filter((checkpoint) => !checkpoint.problem));

  function receive(next: Catalogue): void {
    catalogue.value = next;
    isLoaded.value = true;
  }

  async function load(): Promise<void> {
    receive(await call(getCatalogue, {}));
  }

  /** Looks at the model and extension folders again. */
  async function refresh(): Promise<void> {
    receive(await call(refreshCatalogue, {}));
  }

  async function change(id: string, action: { enabled: boolean } | { reload: true }): Promise<void> {
    const entry = await call(changeExtension, { id, ...action });
    receive({ ...catalogue.value, extensions: catalogue.value.extensions.map((extension) => (extension.id === id ? entry : extension)) });
  }

  return { catalogue, isLoaded, usableCheckpoints, receive, load, refresh, change };
});
