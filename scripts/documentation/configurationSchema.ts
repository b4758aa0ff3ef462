import { toJsonSchema } from '@valibot/to-json-schema';
import type { ConfigKey } from '../../daemon/config/key.js';
import { CONFIG_KEYS } from '../../daemon/config/keys.js';

/** As much of JSON Schema as editors need to help with a configuration. */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

interface Node {
  leaf?: ConfigKey;
  readonly below: Tree;
}

/** The keys below one point, by the first part of their paths. */
type Tree = Map<string, Node>;

function treeOf(keys: readonly ConfigKey[]): Tree {
  const root: Tree = new Map();
  for (const key of keys) {
    let level = root;
    const segments = key.path.split('.');
    for (const [index, segment] of segments.entries()) {
      const node: Node = level.get(segment) ?? { below: new Map() };
      level.set(segment, node);
      if (index === segments.length - 1) node.leaf = key;
      level = node.below;
    }
  }
  return root;
}

const isRequired = ({ optional, default: value }: ConfigKey) => optional !== true && value === undefined;

const needsAny = (tree: Tree): boolean =>
  [...tree].some(([name, { leaf, below }]) =>
    leaf === undefined ? needsAny(below) : isRequired(leaf) && name !== '{}',
  );

function leafSchema(key: ConfigKey): JsonSchema {
  // A check in code and a change of form have no word in JSON Schema: `config check` has the last say.
  const { $schema: _, ...schema } = toJsonSchema(key.schema, { typeMode: 'input', errorMode: 'ignore' });
  const unit = key.unit === undefined ? '' : ` In ${key.unit}.`;
  return {
    ...schema,
    description: `${key.about}${unit}`,
    ...(key.default === undefined ? {} : { default: key.default }),
  };
}

function objectSchema(tree: Tree): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  const required: string[] = [];
  let additionalProperties: JsonSchema | false = false;
  for (const [segment, { leaf, below }] of tree) {
    const name = segment.replace('[]', '');
    if (segment === '{}' && leaf !== undefined) additionalProperties = leafSchema(leaf);
    else if (leaf !== undefined) properties[name] = leafSchema(leaf);
    else if (segment.endsWith('[]')) properties[name] = { type: 'array', items: objectSchema(below) };
    else properties[name] = objectSchema(below);
    const wanted = leaf === undefined ? segment.endsWith('[]') || needsAny(below) : isRequired(leaf);
    if (wanted && segment !== '{}') required.push(name);
  }
  return {
    type: 'object',
    properties,
    ...(required.length === 0 ? {} : { required }),
    additionalProperties,
  };
}

/** The gate's line has two more ways to be written: a name alone, or an object as for the other lines. */
function withShortGate(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (name, value: JsonSchema) => {
    if (name !== 'gate' || value.type !== 'object') return value;
    const properties = value.properties as Readonly<Record<string, JsonSchema>>;
    const { line, activeLow } = properties;
    const asObject = {
      type: 'object',
      properties: { line, activeLow },
      required: ['line'],
      additionalProperties: false,
    };
    return {
      anyOf: [line, { ...value, properties: { ...properties, line: { anyOf: [line, asObject] } } }],
    };
  }) as JsonSchema;
}

/** The JSON Schema (draft-07) of the configuration, made from the table that reads it. */
export function configurationSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'cardpad configuration',
    ...withShortGate(objectSchema(treeOf(CONFIG_KEYS))),
  };
}
