import { onMysql } from '../fault-injection/environments/mysql.ts'
import { onPostgres } from '../fault-injection/environments/postgres.ts'
import { storms } from './checker/storms.ts'

storms([...onPostgres, ...onMysql])
