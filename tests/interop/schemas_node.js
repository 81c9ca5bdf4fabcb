// Confluent's own client: registers, evolves, is refused. One JSON line per check.
const { SchemaRegistryClient, Compatibility } = require('@confluentinc/schemaregistry');

const record = (fields) => JSON.stringify({ type: 'record', name: 'Node', fields });
const id = { name: 'id', type: 'string' };
const say = (name, ok, detail) => console.log(JSON.stringify({ name, ok, detail: String(detail) }));

async function main() {
  const client = new SchemaRegistryClient({ baseURLs: [process.argv[2]], cacheCapacity: 1000 });
  const first = await client.register('node-value', { schema: record([id]), schemaType: 'AVRO' });
  say('npm client registers', first > 0, first);
  const evolved = { schema: record([id, { name: 'hub', type: ['null', 'string'], default: null }]), schemaType: 'AVRO' };
  const second = await client.register('node-value', evolved);
  say('npm client evolves', second > first, second);
  const got = await client.getBySubjectAndId('node-value', first);
  say('npm client reads by id', JSON.parse(got.schema).fields.length === 1, got.schema);
  const latest = await client.getLatestSchemaMetadata('node-value');
  say('npm client reads the latest', latest.version === 2 && latest.id === second, latest.version);
  const versions = await client.getAllVersions('node-value');
  say('npm client lists versions', versions.join() === '1,2', versions);
  const breaking = { schema: record([id, { name: 'cost', type: 'int' }]), schemaType: 'AVRO' };
  say('npm client hears no of compatibility', !(await client.testSubjectCompatibility('node-value', breaking)), '');
  try {
    await client.register('node-value', breaking);
    say('npm client is refused', false, 'it was taken');
  } catch (error) {
    say('npm client is refused', error.status === 409 && error.message.includes('counterExample'), error.message.slice(0, 80));
  }
  await client.updateCompatibility('node-value', Compatibility.NONE);
  say('npm client sets a level', (await client.getCompatibility('node-value')) === 'NONE', '');
  const third = await client.register('node-value', breaking);
  say('npm client registers what NONE allows', third > second, third);
  const proto = { schema: 'syntax = "proto3"; message Hub { string id = 1; }', schemaType: 'PROTOBUF' };
  say('npm client registers Protobuf', (await client.register('node-proto', proto)) > 0, '');
  const json = { schema: '{"type":"object","properties":{"id":{"type":"string"}}}', schemaType: 'JSON' };
  say('npm client registers JSON Schema', (await client.register('node-json', json)) > 0, '');
  const deleted = await client.deleteSubject('node-value');
  say('npm client deletes a subject', deleted.join() === '1,2,3', deleted);
}

main().then(() => process.exit(0), (error) => { say('npm client', false, error.stack); process.exit(1); });
