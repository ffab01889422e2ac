import { z } from '@atelier/sdk';
import { Txt2ImgRequest } from '@atelier/sdk/contracts';
import { t } from '../../localization/translations.js';

/** What a control needs to know about its number, text or choice. */
export interface Parameter {
  min?: number;
  max?: number;
  step?: number;
  initial: unknown;
  help: string;
  type: 'number' | 'integer' | 'boolean' | 'string';
  choices?: readonly string[];
  /** What A1111 calls it in a picture's parameters. */
  label?: string;
}

interface JsonProperty {
  type?: string;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  default?: unknown;
  description?: string;
  enum?: readonly string[];
  infotext?: string;
}

// of its fields alone: a schema with an id would come as a reference to itself
const requestProperties = propertiesOf(z.toJSONSchema(z.object(Txt2ImgRequest.shape), { io: 'input' }));

/** Range, default and help of a field of the request: the same schema that the server checks by. */
export function parameter(name: keyof Txt2ImgRequest): Parameter {
  return asParameter(requestProperties[name]);
}

/** Range, default and help of a number of the request, for its control. */
export function numeric(name: keyof Txt2ImgRequest) {
  const { min, max, step, initial, help } = parameter(name);
  return { min: min!, max: max!, step: step!, initial: initial as number, help: t(help) };
}

/** The options that a sampler declares, by name. */
export function optionsOf(schema: Readonly<Record<string, unknown>>): [name: string, Parameter][] {
  return Object.entries(propertiesOf(schema)).map(([name, property]) => [name, asParameter(property)]);
}

function propertiesOf(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, JsonProperty>> {
  return (schema.properties ?? {}) as Record<string, JsonProperty>;
}

function asParameter(property: JsonProperty): Parameter {
  const { minimum: min, maximum: max, multipleOf, enum: choices, infotext: label } = property;
  const type = (property.type ?? 'string') as Parameter['type'];
  const step = multipleOf ?? (type === 'integer' ? 1 : type === 'number' ? stepWithin(min, max) : undefined);
  return { min, max, step, type, choices, label, initial: property.default, help: property.description ?? '' };
}

/** A step of which a range of real numbers has a hundred or so: 0.01 for 0…1, 0.5 for 1…30. */
function stepWithin(min?: number, max?: number): number {
  if (min === undefined || max === undefined) return 0.1;
  const span = max - min;
  return span > 50 ? 1 : span > 10 ? 0.5 : span > 2 ? 0.05 : 0.01;
}
