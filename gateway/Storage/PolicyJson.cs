using System.Text.Json.Serialization;
using DurableGateway.Runs;

namespace DurableGateway.Storage;

[JsonSerializable(typeof(RunPolicy))]
[JsonSourceGenerationOptions(UseStringEnumConverter = true, RespectNullableAnnotations = true)]
internal sealed partial class PolicyJson : JsonSerializerContext;
