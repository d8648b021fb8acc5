import { defineConfig, env } from 'prisma/config'

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: env('DATABASE_URL') },
  // It is in no model: without this, the next `prisma migrate dev` would drop it.
  experimental: { externalTables: true },
  tables: { external: ['public.strongroom_sessions'] },
})
