using System.Text.Json.Serialization;

namespace DurableGateway.Client.Tests.Support;

internal sealed record Order(int Id, string? Name);

/// <summary>Serializes names unchanged, so that a test sees which metadata was used.</summary>
[JsonSerializable(typeof(Order))]
internal sealed partial class PlainContext : JsonSerializerContext;
