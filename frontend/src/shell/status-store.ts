import { type EngineStatus, getStatus } from '@atelier/sdk/contracts';
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { call } from '../api/call.js';

/** How the server and its engine are doing. */
export const useStatusStore = defineStore('status', () => {
  const engine = shallowRef<EngineStatus>({
    state: 'starting',
    device: null,
    chosenBecause: null,
    precision: null,
    modelMemory: null,
    guidance: null,
    memory: null,
    lastIncident: null,
  });
  const version = ref('');
  const isConnected = ref(false);
  const dismissed = ref(sessionStorage.getItem('atelier.dismissedIncident') ?? '');

  /** Why the engine had to be restarted, until someone has read it. */
  const incident = computed(() => {
    const report = engine.value.lastIncident;
    return report && keyOf(report) !== dismissed.value ? report : null;
  });

  function receive(next: EngineStatus): void {
    engine.value = next;
  }

  async function load(): Promise<void> {
    const status = await call(getStatus, {});
    version.value = status.version;
    receive(status.engine);
  }

  function dismissIncident(): void {
    if (!engine.value.lastIncident) return;
    dismissed.value = keyOf(engine.value.lastIncident);
    sessionStorage.setItem('atelier.dismissedIncident', dismissed.value);
  }

  return { engine, version, isConnected, incident, receive, load, dismissIncident };
});

function keyOf(report: { code: string; message: string }): string {
  return `${report.code} ${report.message}`;
}
