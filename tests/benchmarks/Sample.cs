namespace DurableGateway.Benchmarks;

/// <summary>What one round of load showed. CPU and allocation are those of the measured process, per request.</summary>
internal readonly record struct Sample(double PerSecond, double P50, double P99, double CpuMicroseconds, double AllocatedBytes);
