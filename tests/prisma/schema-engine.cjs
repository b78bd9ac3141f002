#!/usr/bin/env node
// What the Prisma CLI starts as its schema engine (PRISMA_SCHEMA_ENGINE_BINARY): the same command line and the same JSON lines
// as the native program, which is a download of its own; the work is done by the same core as WebAssembly.
//
// The driver adapter of the registry is bent into what the native engine has: one session for everything, each script as one
// simple Query message, and search_path set only for ?schema=.
'use strict'
const fs = require('fs')
const path = require('path')
const readline = require('readline')
const { PrismaPg } = require('@prisma/adapter-pg')
const { bindMigrationAwareSqlAdapterFactory } = require('@prisma/driver-adapter-utils')
const pg = require('pg')

// Columns of the types "name" and "char", in which the engine reads the catalogs, but which the adapter refuses.
const Result = require('pg/lib/result')
const addFields = Result.prototype.addFields
Result.prototype.addFields = function (fields) {
  for (const field of fields) if (field.dataTypeID === 19 || field.dataTypeID === 18) field.dataTypeID = 25
  return addFields.call(this, fields)
}

class OneSession extends PrismaPg {
  async connect() {
    const adapter = await super.connect()
    const pool = adapter.client
    const client = await pool.connect().catch((error) => adapter.onError(error))
    const dispose = adapter.dispose.bind(adapter)
    client.on('error', () => {})
    adapter.client = { query: (...what) => client.query(...what) }
    adapter.executeScript = (script) => client.query(script).then(() => {}, (error) => adapter.onError(error))
    adapter.dispose = async () => { client.release(true); await dispose() }
    return adapter
  }
  connectToShadowDb() { throw new Error('the tests have no shadow database') }
}

function connection(url) {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url)
  const schema = searchParams.get('schema') || undefined
  return {
    schema,
    host: hostname, port: Number(port), user: decodeURIComponent(username), password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)), max: 1,
    ...(schema && { options: `-c search_path="${schema}"` }),
  }
}

async function start(config, datamodels) {
  const folder = path.join(__dirname, 'node_modules/@prisma/schema-engine-wasm')
  const glue = await import(path.join(folder, 'schema_engine_bg.js'))
  const module = new WebAssembly.Module(fs.readFileSync(path.join(folder, 'schema_engine_bg.wasm')))
  const { exports } = new WebAssembly.Instance(module, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(exports)
  exports.__wbindgen_start()
  const factory = new OneSession(config, { schema: config.schema })
  return glue.SchemaEngine.new({ datamodels }, () => {}, bindMigrationAwareSqlAdapterFactory(factory))
}

// The CLI asks before anything else.
async function canConnect(config) {
  const client = new pg.Client(config)
  try {
    await client.connect()
    await client.end()
  } catch (error) {
    const fields = { message: error.message, error_code: error.code === '3D000' ? 'P1003' : 'P1001', is_panic: false }
    process.stderr.write(`\n${JSON.stringify({ timestamp: new Date().toISOString(), level: 'ERROR', fields, target: 'schema_engine::logger' })}\n`)
    process.exit(1)
  }
}

function serve(config, datamodels) {
  let engine, queue = Promise.resolve()
  const answer = async ({ id, method, params }) => {
    try {
      engine ||= await start(config, datamodels)
      const result = method === 'getDatabaseVersion' ? await engine.version(params) : await engine[method](params)
      return { id, jsonrpc: '2.0', result: result ?? {} }
    } catch (error) {
      const data = { is_panic: false, message: error.message, error_code: /^P\d/.test(error.code) ? error.code : null, meta: error.meta }
      return { id, jsonrpc: '2.0', error: { code: 4466, message: 'see data', data } }
    }
  }
  process.stderr.write('\n')
  readline.createInterface({ input: process.stdin })
    .on('line', (line) => { queue = queue.then(async () => process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n')) })
    .on('close', () => queue.then(() => process.exit(0)))
}

const options = { '--datamodels': [] }
const words = process.argv.slice(2)
while (words.length > 0) {
  const word = words.shift()
  if (word === '--version') { console.log('schema-engine-cli (WebAssembly)'); process.exit(0) }
  if (word === '--datamodels') options[word].push(words.shift())
  else if (word.startsWith('--') || word === 'cli') options[word] = words.shift()
}
const config = connection(JSON.parse(options['--datasource'] || '{}').url || process.env.DATABASE_URL)
if (options.cli) canConnect(config)
else serve(config, options['--datamodels'].map((file) => [file, fs.readFileSync(file, 'utf8')]))
