namespace DurableGateway.Dashboard;

/// <summary>How a body is shown.</summary>
internal enum BodyKind
{
    Empty,
    Json,
    Text,
    Image,
    Bytes,
}
