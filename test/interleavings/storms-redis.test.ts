import { onRedis } from '../fault-injection/environments/redis.ts'
import { storms } from './checker/storms.ts'

storms(onRedis)
