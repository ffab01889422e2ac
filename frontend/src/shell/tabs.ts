import { computed } from 'vue';
import { t } from '../localization/translations.js';
import { useCatalogueStore } from './catalogue-store.js';

/** A tab of the page, ours or an extension's. Label and icon are there before any code of the extension is. */
export interface PageTab {
  id: string;
  label: string;
  icon: string;
  path: string;
  extension?: string;
}

/** Ours first, then those that extensions bring, in their order. */
export function useTabs() {
  const catalogue = useCatalogueStore();
  return computed<PageTab[]>(() => [
    { id: 'txt2img', label: t('txt2img'), icon: 'picture', path: '/txt2img' },
    { id: 'png-info', label: t('PNG Info'), icon: 'info', path: '/png-info' },
    { id: 'queue', label: t('Queue'), icon: 'queue', path: '/queue' },
    { id: 'extensions', label: t('Extensions'), icon: 'puzzle', path: '/extensions' },
    ...[...catalogue.catalogue.tabs]
      .sort((a, b) => a.order - b.order)
      .map(({ id, label, icon, extension }) => ({ id, label: t(label), icon, extension, path: `/${id}` })),
  ]);
}
