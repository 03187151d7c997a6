"""HDInsight on AKS: pools, clusters, Flink jobs."""

from localazure.hdinsight import catalogue, cluster_actions, cluster_operations, clusters, flink_program

SERVICES = (catalogue.SERVICE, cluster_actions.SERVICE, cluster_operations.SERVICE, clusters.SERVICE)
RUNTIMES = (flink_program.RUNTIME,)
