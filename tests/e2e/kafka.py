"""Apache Kafka itself: one KRaft broker from the jars in build/kafka, and kcat to read it back."""
import json
import subprocess
import uuid

from world import TOP, wait_for

PROPERTIES = '''\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
advertised.listeners=PLAINTEXT://127.0.0.1:9092
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:9093
log.dirs={dir}/kafka
num.partitions=2
auto.create.topics.enable=true
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
'''
LOGGING = '''\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} %m%n
'''


class Kafka:
    address = '127.0.0.1:9092'  # the world's loopback is its own: every port is free

    def __init__(self, world):
        self.world, self.child = world, None
        self.properties = world.dir / 'kafka.properties'
        self.properties.write_text(PROPERTIES.format(dir=world.dir))
        (world.dir / 'log4j2.properties').write_text(LOGGING)
        subprocess.run(self.java('kafka.tools.StorageTool', 'format', '--standalone',
                                 '-t', str(uuid.uuid4()), '-c', self.properties),
                       check=True, capture_output=True)

    def java(self, main, *words):
        return ['java', '-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
                f'-Dlog4j2.configurationFile={self.world.dir}/log4j2.properties',
                '-cp', f'{TOP}/build/kafka/*', main, *map(str, words)]

    def start(self):
        self.child = self.world.spawn('kafka', self.java('kafka.Kafka', self.properties))
        return wait_for(self.answers, 60, every=0.2)

    def answers(self):
        run = subprocess.run(['kcat', '-L', '-m', '2', '-b', self.address],
                             capture_output=True, check=False)
        return run.returncode == 0

    def stop(self):
        self.world.end(self.child)

    def read(self, topic):
        """All records of a topic, as (key, headers, value)."""
        run = subprocess.run(
            ['kcat', '-C', '-q', '-e', '-o', 'beginning', '-b', self.address, '-t', topic,
             '-f', '%k\t%h\t%s\n'], capture_output=True, text=True, check=False, timeout=30)
        records = []
        for line in run.stdout.splitlines():
            key, headers, value = line.split('\t', 2)
            records.append((key, dict(h.split('=', 1) for h in headers.split(',') if h),
                            json.loads(value)))
        return records

    def write(self, topic, values, **headers):
        words = [word for item in headers.items() for word in ('-H', '='.join(item))]
        subprocess.run(['kcat', '-P', '-b', self.address, '-t', topic, '-k', 'key', *words],
                       input='\n'.join(values), text=True, check=True, timeout=30)
