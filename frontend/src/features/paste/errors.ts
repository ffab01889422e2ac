import { AppError } from '@atelier/sdk/contracts';
import { t } from '../../localization/translations.js';

/** What was dropped or pasted does not say how a picture is made. */
export class NoParameters extends AppError {
  readonly code = 'no-parameters';
  constructor() {
    super(
      t('There are no parameters in it.'),
      t('Programs that change a picture often drop them, and so do many sites. Take the file as it was made.'),
    );
  }
}

/** The browser keeps the clipboard from the page. */
export class ClipboardClosed extends AppError {
  readonly code = 'clipboard-closed';
  override readonly kind = 'unavailable';
  constructor(cause?: unknown) {
    super(
      t('The browser does not let the page read the clipboard.'),
      t('Paste the parameters into the prompt with Ctrl+V, then press the arrow again.'),
      { cause },
    );
  }
}
