"""HDInsight on AKS: pools, clusters, Flink jobs."""

from localazure.hdinsight import catalogue, clusters, flink_program

SERVICES = (catalogue.SERVICE, clusters.SERVICE)
RUNTIMES = (flink_program.RUNTIME,)
