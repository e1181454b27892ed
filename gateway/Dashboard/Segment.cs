namespace DurableGateway.Dashboard;

internal sealed record Segment(Phase Phase, DateTimeOffset From, DateTimeOffset To);
