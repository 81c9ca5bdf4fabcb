// Copies a topic exactly once with the Java client: reads, writes and commits the offsets in one transaction.
//
//   java -cp JARS LogCopy.java BOOTSTRAP SOURCE TARGET GROUP COUNT
// Every third transaction is aborted and its records are read again; ends after COUNT records were committed
// and prints how many transactions were committed and aborted.
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class LogCopy {
    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("group.id", group);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("isolation.level", "read_committed");
        settings.put("max.poll.records", "200");
        settings.put("session.timeout.ms", "6000");
        settings.put("heartbeat.interval.ms", "500");
        settings.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String id) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("transactional.id", id);
        settings.put("compression.type", "lz4");
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Back to what was committed: the records of an aborted transaction are read again. */
    static void rewind(KafkaConsumer<byte[], byte[]> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata at = committed.get(partition);
            if (at == null) consumer.seekToBeginning(List.of(partition));
            else consumer.seek(partition, at.offset());
        }
    }

    public static void main(String[] given) {
        String target = given[2];
        long wanted = Long.parseLong(given[4]), copied = 0, committed = 0, aborted = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(given[0], given[3]);
             KafkaProducer<byte[], byte[]> producer = producer(given[0], given[3] + "-tid")) {
            producer.initTransactions();
            consumer.subscribe(List.of(given[1]));
            while (copied < wanted) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(500));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
                for (ConsumerRecord<byte[], byte[]> record : records) {
                    producer.send(new ProducerRecord<>(target, record.partition(), record.key(), record.value()));
                    next.put(new TopicPartition(record.topic(), record.partition()),
                             new OffsetAndMetadata(record.offset() + 1, "copied"));
                }
                producer.sendOffsetsToTransaction(next, consumer.groupMetadata());
                if ((committed + aborted) % 3 == 2) {
                    producer.flush();
                    producer.abortTransaction();
                    ++aborted;
                    rewind(consumer);
                } else {
                    producer.commitTransaction();
                    ++committed;
                    copied += records.count();
                }
            }
        }
        System.out.println("copied " + copied + " committed " + committed + " aborted " + aborted);
    }
}
