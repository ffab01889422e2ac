import { AppError, z } from '@atelier/sdk';

type Issue = z.core.$ZodIssue;

/** So many faults of one request are told. */
const MOST_ISSUES = 5;

/** A request that its contract does not allow. The message names the fields, the hint says what they may be. */
export class RequestInvalid extends AppError {
  readonly code: 'request-invalid' | 'unknown-field';

  constructor(issues: readonly Issue[], schema: z.core.$ZodType) {
    const told = issues.slice(0, MOST_ISSUES);
    super(told.map(sentence).join(' '), [...new Set(told.map((issue) => advice(issue, schema)))].join(' '));
    this.code = issues.every(({ code }) => code === 'unrecognized_keys') ? 'unknown-field' : 'request-invalid';
  }
}

const kinds: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  record: 'an object',
};

function sentence(issue: Issue): string {
  const name = issue.path.length > 0 ? `"${issue.path.join('.')}"` : 'The request';
  const isNumber = 'origin' in issue && (issue.origin === 'number' || issue.origin === 'int');
  if (issue.code === 'unrecognized_keys') return `${name} has no field "${issue.keys.join('", "')}".`;
  if (issue.code === 'invalid_type') return `${name} must be ${kinds[issue.expected] ?? issue.expected}.`;
  if (issue.code === 'not_multiple_of') return `${name} must be a multiple of ${issue.divisor}.`;
  if (issue.code === 'too_small' && isNumber) return `${name} must be at least ${issue.minimum}.`;
  if (issue.code === 'too_big' && isNumber) return `${name} must be at most ${issue.maximum}.`;
  // our own messages are written to follow a name ("is longer than …"), zod's begin anew
  return /^[A-Z]/.test(issue.message) ? `${name}: ${issue.message}.` : `${name} ${issue.message}.`;
}

function advice(issue: Issue, schema: z.core.$ZodType): string {
  const at = issue.path.reduce<z.core.$ZodType | undefined>((inside, key) => (inside ? shapeOf(inside)?.[String(key)] : undefined), schema);
  const fields = at && shapeOf(at);
  if (issue.code === 'unrecognized_keys' && fields) return `The fields are: ${Object.keys(fields).join(', ')}.`;
  return (at && z.globalRegistry.get(at)?.description) ?? 'GET /api/docs describes every request.';
}

/** The fields of an object schema, also below defaults, behind a preparation and the like. */
function shapeOf(schema: z.core.$ZodType): Record<string, z.core.$ZodType> | undefined {
  if (schema instanceof z.ZodObject) return schema.shape as Record<string, z.core.$ZodType>;
  const { innerType, out = innerType } = schema._zod.def as { innerType?: z.core.$ZodType; out?: z.core.$ZodType };
  return out && shapeOf(out);
}
