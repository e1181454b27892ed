namespace DurableGateway.Http;

internal sealed record StepCountsJson(int Completed, int Failed, int Pending);
