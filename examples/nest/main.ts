/**
 * Visits that are counted, a login, and "your devices" with Nest, on Express. For Fastify, only the adapter differs:
 * NestFactory.create(AppModule, new FastifyAdapter()).
 *
 *     npm install strongroom @nestjs/common @nestjs/core @nestjs/platform-express reflect-metadata rxjs
 *     npm install --save-dev typescript @types/node
 *     npx tsc && node dist/main.js
 */
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  NotFoundException,
  Param,
  Post,
  UseGuards,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { createSessions, type Session, type Sessions } from 'strongroom'
import { CurrentSession, InjectSessions, SignedIn, StrongroomModule, UserId } from 'strongroom/nest'

interface Data {
  visits: number
}

@Controller()
class VisitsController {
  @Get()
  count(@CurrentSession() session: Session<Data>, @UserId() userId: string | null) {
    return { user: userId, visits: session.update('visits', (visits = 0) => visits + 1) }
  }
}

@Controller()
class LoginController {
  @Post('login')
  @HttpCode(204)
  login(@Body('name') name: string, @CurrentSession() session: Session<Data>) {
    // Check the password here. At most three devices: a fourth login ends the oldest session.
    session.login(name, { limit: 3 })
  }

  @Post('logout')
  @HttpCode(204)
  logout(@CurrentSession() session: Session<Data>) {
    session.logout()
  }
}

@Injectable()
class Devices {
  constructor(@InjectSessions() private readonly sessions: Sessions<Data>) {}

  list(userId: string, current: Session<Data>) {
    return this.sessions.of(userId).list(current)
  }

  async end(userId: string, handle: string) {
    if (!(await this.sessions.of(userId).revoke(handle))) throw new NotFoundException()
  }
}

@Controller('devices')
@UseGuards(SignedIn)
class DevicesController {
  constructor(private readonly devices: Devices) {}

  @Get()
  list(@UserId() userId: string, @CurrentSession() session: Session<Data>) {
    return this.devices.list(userId, session)
  }

  @Post(':handle/end')
  @HttpCode(204)
  async end(@UserId() userId: string, @Param('handle') handle: string) {
    await this.devices.end(userId, handle)
  }
}

@Module({
  imports: [
    StrongroomModule.forRootAsync({
      useFactory: () => ({
        sessions: createSessions<Data>({ store: 'sqlite:./sessions.db', secrets: process.env.STRONGROOM_SECRETS }),
        closeOnShutdown: true,
      }),
    }),
  ],
  controllers: [VisitsController, LoginController, DevicesController],
  providers: [Devices],
})
class AppModule {}

const app = await NestFactory.create(AppModule)
app.enableShutdownHooks()
await app.listen(3000)

/* try
GET /: 200 {"user":null,"visits":1}
GET /: 200 {"user":null,"visits":2}
GET /devices: 401
POST /login name=ada: 204
GET /: 200 {"user":"ada","visits":3}
[phone] POST /login name=ada: 204
GET /devices: 200 /"handle":"(?<phone>[\w-]{16})"[^}]*"label":"Chrome on Android"/
[eve] POST /login name=eve: 204
[eve] POST /devices/{phone}/end: 404
POST /devices/{phone}/end: 204
[phone] GET /devices: 401
POST /logout: 204
GET /: 200 {"user":null,"visits":1}
*/
