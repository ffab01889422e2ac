import { defineUi } from '@atelier/sdk/ui';

export default defineUi({
  tabs: { 'prompt-history': () => import('./HistoryTab.vue') }, // label and icon stand in the manifest
});
