import { StandardSchemaValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { z } from '@atelier/sdk';
import { RequestInvalid } from './request-invalid.js';

/** Checks what comes in by the schema at its parameter, and fills in the defaults. */
export class ContractPipe extends StandardSchemaValidationPipe {
  override async transform<T>(value: T, { schema }: ArgumentMetadata): Promise<T> {
    if (!schema) return value;
    this.stripProtoKeys(value);
    const result = await schema['~standard'].validate(value);
    if (!result.issues) return result.value as T;
    throw new RequestInvalid(result.issues as z.core.$ZodIssue[], schema as unknown as z.core.$ZodType);
  }
}
